/**
 * Puts a typed face on a plain value, where the type is computed from what a user wrote and no check of the value could show it.
 * Every use says why it holds.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the face
export const face = <T>(value: unknown): T =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this is the one place for it
  value as T
