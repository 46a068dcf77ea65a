// The other side of `cargo xtask bench ssr`: the same page, rendered for every request by Astro's Node adapter.
import node from '@astrojs/node';
import { defineConfig } from 'astro/config';

export default defineConfig({
  output: 'server',
  adapter: node({ mode: 'standalone' }),
  devToolbar: { enabled: false },
});
