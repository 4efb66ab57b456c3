export function locate(source: string, before: string): { readonly start: number; readonly end: number }[]
