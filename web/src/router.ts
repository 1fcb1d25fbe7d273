// Routes are behind `#`, so the path of the page never changes. Everything works below any path prefix, and the server
// serves only one path.
import { createRouter, createWebHashHistory } from 'vue-router'
import OverviewPage from '@/overview/OverviewPage.vue'

export const router = createRouter({
  history: createWebHashHistory(),
  scrollBehavior: (_to, _from, saved) => saved ?? undefined,
  routes: [
    { path: '/', name: 'overview', component: OverviewPage },
    { path: '/cameras', name: 'cameras', component: () => import('@/cameras/CamerasPage.vue') },
    { path: '/cameras/:id', name: 'camera', component: () => import('@/cameras/CameraPage.vue'), props: true },
    { path: '/tasks', name: 'tasks', component: () => import('@/tasks/TasksPage.vue') },
    { path: '/tasks/new', name: 'new-task', component: () => import('@/tasks/TaskEditor.vue') },
    { path: '/tasks/:id', name: 'task', component: () => import('@/tasks/TaskEditor.vue'), props: true },
    { path: '/runs', name: 'runs', component: () => import('@/runs/RunsPage.vue') },
    { path: '/runs/:id', name: 'run', component: () => import('@/runs/RunPage.vue'), props: true },
    { path: '/replay', name: 'replay', component: () => import('@/replay/ReplayPage.vue') },
    { path: '/plugins', name: 'plugins', component: () => import('@/plugins/PluginsPage.vue') },
    { path: '/plugins/:name', name: 'plugin', component: () => import('@/plugins/PluginPage.vue'), props: true },
    { path: '/nodes', name: 'nodes', component: () => import('@/nodes/NodesPage.vue') },
    { path: '/settings', name: 'settings', component: () => import('@/settings/SettingsPage.vue') },
    { path: '/settings/audit', name: 'audit', component: () => import('@/settings/AuditPage.vue') },
    // Nobody is signed in yet, so this page has no navigation.
    { path: '/welcome/:secret', name: 'welcome', component: () => import('@/session/WelcomePage.vue'), props: true },
    { path: '/:rest(.*)*', name: 'nowhere', component: () => import('@/frame/NowherePage.vue') },
  ],
})

// After an upgrade of the master, an open console requests files that no longer exist. A reload gets the new names.
// There is at most one reload per minute, so that a missing file does not cause an endless loop.
const RELOADED = 'easysight.reloaded'
const CIRCLE_MS = 60_000
router.onError((error: unknown, to) => {
  const isMissingFile = /module script|dynamically imported module|preload/i.test(String(error))
  if (!isMissingFile || Date.now() - Number(sessionStorage.getItem(RELOADED)) < CIRCLE_MS) return
  sessionStorage.setItem(RELOADED, String(Date.now()))
  window.location.hash = to.fullPath
  window.location.reload()
})
