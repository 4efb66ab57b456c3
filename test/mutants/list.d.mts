export const MUTANTS: readonly {
  readonly file: string
  readonly tests: readonly string[]
  readonly before: string
  readonly after: string
}[]
