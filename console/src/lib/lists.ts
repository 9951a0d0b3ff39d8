/** The items of a list, whether it comes whole or in pages. */
export function listOf<T>(answer: readonly T[] | { readonly items: readonly T[] }): readonly T[] {
  return 'items' in answer ? answer.items : answer
}
