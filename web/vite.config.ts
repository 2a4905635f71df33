import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const GATEWAY = process.env.CALLVAULT_URL ?? 'http://127.0.0.1:8000';

/**
 * Sonner writes its styles into the page when it is loaded, which a strict content security policy refuses.
 * The same styles come from its stylesheet, which styles.css imports, so the call is taken out.
 */
function withoutInjectedStyles(): Plugin {
  const call = /^__insertCSS\(".*"\);$/m;
  return {
    name: 'without-injected-styles',
    enforce: 'pre',
    transform(code, id) {
      if (!/\/sonner\/dist\/index\.mjs/.test(id)) return null;
      if (!call.test(code)) this.error('sonner injects its styles in another way now: see to it');
      return { code: code.replace(call, ''), map: null };
    },
  };
}

/** A `.br` and a `.gz` beside each text file: the gateway serves the smallest that the browser takes. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    writeBundle({ dir = 'dist' }, bundle) {
      const names = [...Object.keys(bundle), 'assets/icon.svg', 'assets/theme.js'];
      for (const name of names.filter((one) => /\.(js|css|html|svg)$/.test(one))) {
        const content = readFileSync(`${dir}/${name}`);
        writeFileSync(`${dir}/${name}.br`, brotliCompressSync(content));
        writeFileSync(`${dir}/${name}.gz`, gzipSync(content, { level: 9 }));
      }
    },
  };
}

/** What every page needs comes with the document, not only once the first script has asked for it. */
function preloaded(): Plugin {
  return {
    name: 'preloaded',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle = {} }) {
        const chunks = Object.values(bundle).filter((one) => one.type === 'chunk');
        const start = chunks.find((one) => one.moduleIds.some((id) => id.endsWith('/src/app/start.tsx')));
        if (!start) return this.error('the script that begins the page is not there');
        const names = [...start.imports, start.fileName].filter((name) => !html.includes(name));
        return names.map((name) => ({ tag: 'link', attrs: { rel: 'modulepreload', crossorigin: true, href: `/${name}` }, injectTo: 'head' }));
      },
    },
  };
}

/** Few scripts of some size instead of many small ones: each costs a way to the gateway and back. */
const GROUPS = [
  { name: 'first', test: /\/src\/(main|api\/early|app\/first)\.ts$|preload-helper/, priority: 5 },
  { name: 'react', test: /\/node_modules\/(react|react-dom|scheduler)\//, priority: 4 },
  { name: 'frame', test: /\/src\/(app\/start|lib\/|api\/|features\/session\/queries|components\/(?!ui\/(dialog|dropdown-menu)))|\/react-query\//, priority: 3 },
  { name: 'import-page', test: /\/src\/app\/import-page/, priority: 2 },
  { name: 'forms', test: /\/node_modules\/(@hookform|react-hook-form|zod)\//, priority: 2 },
  { name: 'menus', test: /\/src\/(components\/ui\/(dialog|dropdown-menu)|features\/session\/user-menu)/, priority: 1 },
];

export default defineConfig({
  plugins: [withoutInjectedStyles(), react(), tailwindcss(), compressed(), preloaded()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: { proxy: { '/api': GATEWAY, '/oauth': GATEWAY } },
  optimizeDeps: { exclude: ['sonner'] },
  worker: { format: 'es' },
  // Nothing is written into the page as a data: address, which the policy would refuse.
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { output: { codeSplitting: { groups: GROUPS } } },
  },
  test: {
    environment: 'happy-dom',
    environmentOptions: { happyDOM: { url: 'http://localhost:3000' } },
    setupFiles: ['src/test/setup.ts'],
    restoreMocks: true,
  },
});
