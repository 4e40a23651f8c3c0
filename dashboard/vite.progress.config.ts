import { defineConfig } from 'vite';

// <drover-progress>: one classic script, for pages of other origins too.
export default defineConfig({
  esbuild: { legalComments: 'none' },
  build: {
    target: 'es2021',
    emptyOutDir: false,
    copyPublicDir: false,
    lib: {
      entry: 'progress/drover-progress.ts',
      formats: ['iife'],
      name: 'DroverProgress',
      fileName: () => 'drover-progress.js',
    },
  },
});
