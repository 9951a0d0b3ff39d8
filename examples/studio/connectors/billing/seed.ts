import type { Books, Charge, Invoice } from './books.ts'

const HARBOR = 'Harbor, a month'
const YEAR = 'Harbor, a year'
const LANTERN = 'Lantern for Mac'

type Sold = readonly [reference: string, cents: number, at: string, what: string]

/** Who the studio sold what: the senders of the sample's mails. */
const SOLD: readonly (readonly [email: string, name: string, ...Sold[]])[] = [
  [
    'tomasz@pawsandgo.example',
    'Tomasz Wolny',
    ['NL-20871', 1_900, '2026-10-01T06:00:00Z', HARBOR],
    ['NL-20872', 1_900, '2026-10-01T06:02:00Z', HARBOR],
  ],
  ['j.mehrtens@fahrschule-mehrtens.example', 'Jürgen Mehrtens', ['NL-21044', 19_000, '2026-10-15T04:00:00Z', YEAR]],
  ['priyanka@studioquill.example', 'Priyanka Rao', ['LN-5531', 4_900, '2026-10-28T03:12:00Z', LANTERN]],
  ['ines@wheelhouse.example', 'Ines Okafor', ['NL-20001', 1_900, '2026-09-01T06:00:00Z', HARBOR]],
  ['helene@librairie-du-quai.example', 'Hélène Marchand', ['NL-20650', 1_900, '2026-09-01T06:00:00Z', HARBOR]],
  ['saskia@ateliernord.example', 'Saskia Vogt', ['LN-5102', 4_900, '2026-06-11T09:30:00Z', LANTERN]],
  ['daria@yogaloft.example', 'Daria Petrenko', ['NL-20700', 1_900, '2026-10-01T06:00:00Z', HARBOR]],
  // Those of more-mail.
  ['maeve@galwaypottery.example', 'Maeve Doyle', ['NL-20912', 1_900, '2026-10-01T06:00:00Z', HARBOR]],
  ['kallmeyer@hundesalon-wuff.example', 'Bernd Kallmeyer', ['LN-5560', 4_900, '2026-11-03T10:20:00Z', LANTERN]],
  ['aurelie@fleurs-du-pont.example', 'Aurélie Sanson', ['NL-21300', 19_000, '2026-11-02T08:15:00Z', YEAR]],
  [
    'dilip@curryleafclasses.example',
    'Dilip Menon',
    ['NL-21207', 1_900, '2026-11-01T06:00:00Z', HARBOR],
    ['NL-21208', 1_900, '2026-11-01T06:01:00Z', HARBOR],
  ],
  ['freya@nilsen-keramik.example', 'Freya Nilsen', ['NL-20931', 1_900, '2026-10-01T06:00:00Z', HARBOR]],
  [
    'owen@cardiffcycles.example',
    'Owen Pritchard',
    ['NL-21215', 1_900, '2026-11-01T06:00:00Z', HARBOR],
    ['NL-21342', 19_000, '2026-11-14T08:40:00Z', YEAR],
  ],
  ['ngozi@ezetailoring.example', 'Ngozi Eze', ['NL-21311', 19_000, '2026-11-04T04:00:00Z', YEAR]],
  ['pavel@knihovnazahrada.example', 'Pavel Horák', ['LN-5571', 4_900, '2026-11-08T17:05:00Z', LANTERN]],
  [
    'lucia@patioferrer.example',
    'Lucía Ferrer',
    ['NL-20644', 1_900, '2026-09-01T06:00:00Z', HARBOR],
    ['NL-20944', 1_900, '2026-10-01T06:00:00Z', HARBOR],
  ],
  ['anke@inselkinder.example', 'Anke Detlefsen', ['NL-21222', 1_900, '2026-11-01T06:00:00Z', HARBOR]],
  ['soeren@tauchschule-kiel.example', 'Sören Matthiesen', ['LN-5580', 4_900, '2026-11-09T19:31:00Z', LANTERN]],
  ['g.brandauer@almhof.example', 'Gisela Brandauer', ['NL-21229', 2_900, '2026-11-01T06:00:00Z', HARBOR]],
  ['mathilde@ateliercuir.example', 'Mathilde Roux', ['NL-21233', 1_900, '2026-11-01T06:00:00Z', HARBOR]],
  ['baptiste@velo-lemoine.example', 'Baptiste Lemoine', ['LN-5590', 4_900, '2026-11-10T12:12:00Z', LANTERN]],
  ['kofi@accradrums.example', 'Kofi Asante', ['NL-21240', 1_900, '2026-11-01T06:00:00Z', HARBOR]],
]

const charges = SOLD.flatMap(([customer, , ...sold]) =>
  sold.map(([reference, amount, at, what]): Charge => ({
    id: `ch_${reference.slice(3)}`,
    reference,
    customer,
    amount,
    currency: 'EUR',
    at,
    what,
  })),
)

const owed = (id: string, customer: string, amount: number, due: string, paid = false): Invoice => ({
  id,
  customer,
  amount,
  currency: 'EUR',
  due,
  paid,
})

/** What the books of a new billing service say. */
export const SEED: Books = {
  customers: [
    ...SOLD.map(([email, name]) => ({ email, name })),
    { email: 'femke@kitestore.example', name: 'Femke de Boer' },
    { email: 'olu@barberstreet9.example', name: 'Oluwaseun Adeyemi' },
    { email: 'zoe@atelier-violette.example', name: 'Zoé Lefèvre' },
    { email: 'laden@optik-duenen.example', name: 'Jörg Petersen' },
    { email: 'moin@cafe-sturmflut.example', name: 'Wiebke Jansen' },
    { email: 'nils@hafenwerk.example', name: 'Nils Hartmann' },
    { email: 'hinnerk@hafenverein.example', name: 'Hinnerk Claasen' },
  ],
  charges,
  refunds: [],
  invoices: [
    owed('NW-2026-029', 'nils@hafenwerk.example', 240_000, '2026-10-12'),
    owed('NW-2026-031', 'hinnerk@hafenverein.example', 36_000, '2026-10-26'),
    owed('NW-2026-027', 'ines@wheelhouse.example', 12_000, '2026-09-30', true),
    owed('NW-2026-034', 'saskia@ateliernord.example', 48_000, '2026-12-15'),
  ],
  // Mara entered this one herself, before Factotum read her mail.
  filed: [
    {
      id: 'in_26-3381',
      key: 'by hand',
      supplier: 'buchhaltung@steuerbuero-voss.example',
      number: '26-3381',
      amount: 35_700,
      currency: 'EUR',
      document: null,
      at: '2026-09-30T15:12:00Z',
      withdrawnAt: null,
    },
  ],
  notes: [],
}
