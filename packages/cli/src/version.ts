/** Of the workspace; a test compares it with package.json, which is not read at start-up. */
export const version = "0.1.0"
