// Preloaded by NODE_OPTIONS: writes the process's memory high-water mark in kB where QX_PEAK_MEMORY says.
process.on('exit', () => {
  const file = process.env.QX_PEAK_MEMORY;
  if (file)
    require('node:fs').writeFileSync(file, String(process.resourceUsage().maxRSS));
});
