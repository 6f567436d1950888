import { defineConfig } from 'vitest/config';

// biome-ignore lint/style/noDefaultExport: vitest wants it so.
export default defineConfig({
  test: {
    include: ['test/interop/*.interop.ts'],
    // One toolchain at a time: each builds with all the processors there are.
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 900_000,
  },
});
