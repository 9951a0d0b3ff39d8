import type { Json } from '../../lib/json.ts'
import type { Condition, Step } from './plan.ts'
import { fieldOf, fill, type Scope } from './values.ts'

const DAY_MS = 86_400_000

/** What a filter keeps, in its order. */
export function filtered(step: Extract<Step, { kind: 'filter' }>, items: readonly Json[], now: number): Json[] {
  const kept = items.filter((item) =>
    step.where.every((condition) => holds(condition, fieldOf(item, condition.field), now)),
  )
  return step.take === undefined ? kept : kept.slice(0, step.take)
}

export function mapped(step: Extract<Step, { kind: 'map' }>, items: readonly Json[], scope: Scope): Json[] {
  return items.map((item) => fill(step.to, { ...scope, item }))
}

/** Total: what cannot be compared does not hold. */
function holds({ is, value }: Condition, field: Json, now: number): boolean {
  switch (is) {
    case 'equal':
      return field === value
    case 'not_equal':
      return field !== value
    case 'above':
      return ordered(field, value) && (field as number) > (value as number)
    case 'below':
      return ordered(field, value) && (field as number) < (value as number)
    case 'containing':
      if (Array.isArray(field)) return field.includes(value)
      return typeof field === 'string' && typeof value === 'string' && field.toLowerCase().includes(value.toLowerCase())
    case 'older_than_days':
      return typeof value === 'number' && ageInDays(field, now) > value
    case 'younger_than_days':
      return typeof value === 'number' && ageInDays(field, now) < value
  }
}

function ordered(a: Json, b: Json): boolean {
  return (typeof a === 'number' && typeof b === 'number') || (typeof a === 'string' && typeof b === 'string')
}

/** Numbers below are no time in ms (of 1973) but a count, of days perhaps: as a time they would be older than anything. */
const EARLIEST_MS = 100_000_000_000

/** Whole days; a time is an ISO 8601 date or epoch ms. NaN, which compares with nothing, where it is neither. */
function ageInDays(value: Json, now: number): number {
  if (typeof value === 'number') return value < EARLIEST_MS ? NaN : Math.floor((now - value) / DAY_MS)
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}/.test(value)) return NaN
  return Math.floor((now - Date.parse(value)) / DAY_MS)
}
