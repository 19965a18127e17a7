export const help: { readonly [path: string]: string } = {}
