import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import Components from 'unplugin-vue-components/vite'
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers'
import { defineConfig } from 'vitest/config'

const master = process.env.EASYSIGHT_MASTER ?? 'http://127.0.0.1:8000'

export default defineConfig({
  // Relative addresses, so that the same files work below any path prefix.
  base: './',
  plugins: [vue(), Components({ dirs: [], dts: false, resolvers: [ElementPlusResolver({ importStyle: 'css' })] })],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    target: 'es2022',
    sourcemap: false,
    // Nothing is inlined, not even pictures, because a strict Content-Security-Policy refuses `data:` addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // The `Host` header is kept: the master refuses changes that come from pages of other sites.
  server: { proxy: { '/api': { target: master, changeOrigin: false } } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['tests/unit/**/*.test.ts'],
          environment: 'happy-dom',
          server: { deps: { inline: ['element-plus'] } },
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['tests/browser/**/*.test.ts'],
          globalSetup: 'tests/browser/setup.ts',
          // These limits are long enough for a slow machine.
          testTimeout: 120_000,
          hookTimeout: 300_000,
          // If the console does not answer at all, the other tests would only wait as well.
          bail: 5,
          fileParallelism: false,
        },
      },
    ],
  },
})
