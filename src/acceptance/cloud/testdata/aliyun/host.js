'use strict';

// Stands in for Function Compute's Node.js runtime: one event from each line of the standard input, one answer to a line.

const path = require('path');
const readline = require('readline');
const { randomUUID } = require('crypto');

const [root, handler] = process.argv.slice(2);
const [file, name] = handler.split('.');
const entry = require(path.join(root, file))[name];

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  entry(Buffer.from(line), { requestId: randomUUID(), function: { timeout: 60 } }, (err, answer) => {
    if (err) throw err;
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  });
});
