/** The keys at the top of a configuration. */
export const TOP_KEYS = ['pool', 'defaults', 'hosts', 'groups', 'inventory', 'trust', 'history'] as const
