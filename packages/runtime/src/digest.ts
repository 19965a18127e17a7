import { createHash } from "node:crypto"

/** sha-256, its first 16 hex digits. */
export const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16)
