import { defineConfig, type UserConfig } from 'vite';

// The page. Its files keep their names, so that the gateway knows which there are; an ETag says which version one has.
export default defineConfig({
  base: './',
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
  build: {
    target: 'es2021',
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    rollupOptions: {
      output: {
        entryFileNames: 'assets/app.js',
        inlineDynamicImports: true,
        assetFileNames: 'assets/[name][extname]',
      },
    },
  },
  // `npm run dev` beside a gateway at its usual port.
  server: { proxy: { '/v1': 'http://127.0.0.1:4100' } },
  test: { include: ['test/**/*.test.ts'] },
} as UserConfig);
