// Preloaded by NODE_OPTIONS: writes the process's memory high-water mark in kB where QX_PEAK_MEMORY says. Not getrusage's,
// which begins with that of the process that started this one.
process.on('exit', () => {
  const file = process.env.QX_PEAK_MEMORY;
  if (!file) return;
  const fs = require('node:fs');
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'));
  fs.writeFileSync(file, peak?.[1] ?? String(process.resourceUsage().maxRSS));
});
