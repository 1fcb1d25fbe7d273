import { VueQueryPlugin, type VueQueryPluginOptions } from '@tanstack/vue-query'
import { createApp } from 'vue'
import App from './App.vue'
import { isOutage, pauseAfterOutage } from './api/recovery'
import { i18n } from './locales'
import { router } from './router'
import 'element-plus/theme-chalk/base.css'
import './styles/tokens.css'
import './styles/base.css'

const queries: VueQueryPluginOptions = {
  queryClientConfig: {
    defaultOptions: {
      queries: {
        // Requests that the master refused are not repeated; requests that failed because of an outage are.
        retry: (failures, error) => failures < 2 && isOutage(error),
        refetchInterval: pauseAfterOutage,
        refetchOnWindowFocus: true,
        // A control room may have no internet: the browser then reports that it is offline, although the master is
        // reachable.
        networkMode: 'always',
        staleTime: 5_000,
      },
    },
  },
}

createApp(App).use(i18n).use(router).use(VueQueryPlugin, queries).mount('#app')
