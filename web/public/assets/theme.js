// Before the first paint, so that a chosen theme does not flash. No inline script: the content security policy forbids it.
try {
  const theme = localStorage.getItem('callvault.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // No storage, so the system's theme.
}
