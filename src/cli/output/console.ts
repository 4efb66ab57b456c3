/** The terminal as a picture needs to know it. */
export interface Console {
  /** Whether keys go to this process, so that it may draw: not after `bg`. */
  inForeground(): boolean
  /** Keeps typed keys from being shown, since an echoed Enter would move the picture. Returns the way back. */
  hideTyping(): () => void
  /** Hears that the process is about to stop (Ctrl-Z), and that it goes on. Returns the way to stop hearing it. */
  onSuspend(listeners: { readonly suspend: () => void; readonly resume: () => void }): () => void
}
