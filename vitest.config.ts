import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["packages/*/test/**/*.test.ts", "test/**/*.test.ts"],
    // Two cores, and suites that start a wasm engine of their own: more workers than cores only wait for each other.
    maxWorkers: 2,
    testTimeout: 120_000,
  },
})
