'use strict';

// Loaded before Wrangler. An account on this machine has no workers.dev addresses: in what Wrangler writes for programs, the
// address at which a Worker really answers is put in the place of each. The rest is as Wrangler says it.

const fs = require('fs');
const path = require('path');

const file = process.env.WRANGLER_OUTPUT_FILE_PATH;

function here(line) {
  const one = JSON.parse(line);
  if (one.type === 'deploy') {
    one.targets = [fs.readFileSync(path.join(process.env.STELLAR_TEST_WORKERS, one.worker_name), 'utf8')];
  }
  return JSON.stringify(one);
}

if (file) {
  process.on('exit', () => {
    if (!fs.existsSync(file)) return;
    const lines = fs.readFileSync(file, 'utf8').split('\n').filter(Boolean);
    fs.writeFileSync(file, lines.map((line) => here(line) + '\n').join(''));
  });
}
