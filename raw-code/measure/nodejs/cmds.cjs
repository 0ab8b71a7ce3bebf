'use strict';

// The micro-tests of the measurement function under Node.js. The first request that asks for one loads this file.

const fs = require('fs');
const os = require('os');

const LONGEST_SLEEP = 3600000; // ms
const MOST_REPEATS = 1000000000; // of cpu
const NO_TIME = "the function's timeout is over before the test is";

// Wrong are micro-tests that cannot be run as they are asked for; the request is answered with status 400.
class Wrong extends Error {}

const shorten = (text) => (text.length <= 40 ? text : `${text.slice(0, 40)}...`);
const monotonic = () => Number(process.hrtime.bigint()) / 1e6; // ms

// readObject checks that an argument is an object of one known key.
function readObject(argument, known) {
  const good = argument !== null && typeof argument === 'object' && !Array.isArray(argument);
  if (!good || Object.keys(argument).some((k) => k !== known)) {
    throw new Wrong(`the argument is ${shorten(JSON.stringify(argument))}; want an object with "${known}"`);
  }
  return argument[known];
}

// parseSleep checks the ms that sleep waits: on the processor, so that the instance is neither suspended nor given to
// others.
function parseSleep(argument) {
  if (typeof argument !== 'number' || argument < 0 || argument > LONGEST_SLEEP) {
    const got = shorten(JSON.stringify(argument));
    throw new Wrong(`the argument is ${got}; want a number of ms from 0 to ${LONGEST_SLEEP}`);
  }
  return (end) => {
    const begun = monotonic();
    const late = (begun + argument - end) / 1e3;
    if (late > 0) throw new Error(`the wait would end ${Number(late.toPrecision(3))} s after the function's timeout`);
    while (monotonic() - begun < argument);
    return monotonic() - begun;
  };
}

// parseCPU checks the n of cpu, which gives the ms that n! takes.
function parseCPU(argument) {
  const n = readObject(argument, 'n');
  if (!Number.isInteger(n) || n < 0 || n > MOST_REPEATS) {
    const got = shorten(JSON.stringify(argument));
    throw new Wrong(`the argument is ${got}; "n" must be a whole number from 0 to ${MOST_REPEATS}`);
  }
  return (end) => {
    const begun = monotonic();
    if (factorial(n, end) <= 0n) throw new Error('the factorial is not positive');
    return monotonic() - begun;
  };
}

// factorial multiplies the numbers up to n one after the other, as all languages of the function do.
function factorial(n, end) {
  let product = 1n;
  for (let i = 2; i <= n; i++) {
    product *= BigInt(i);
    if (i % 256 === 0 && monotonic() > end) throw new Error(NO_TIME);
  }
  return product;
}

// parseStat checks the argument of stat. The number argv is that of older clients and means nothing.
function parseStat(argument) {
  const argv = readObject(argument, 'argv');
  if (argv !== undefined && !Number.isInteger(argv)) {
    throw new Wrong(`the argument is ${shorten(JSON.stringify(argument))}; want an object with "argv"`);
  }
  return stat;
}

function read(name) {
  try {
    return fs.readFileSync(name, 'utf8');
  } catch {
    return ''; // a system without this file
  }
}

// stat is what the instance can say of itself and its machine. What a system does not tell is empty.
async function stat() {
  const fresh = require('crypto').randomUUID();
  const [vm, instance] = cgroupIds(read('/proc/self/cgroup'));
  const uptime = Number.parseFloat(read('/proc/uptime'));
  return {
    exist_id: existingId(`${os.tmpdir()}/inst_id.txt`, fresh),
    new_id: fresh,
    vm_id: vm,
    inst_id: instance,
    vm_priv_ip: hostAddress(),
    vm_pub_ip: await publicAddress(process.env.STELLAR_PUBLIC_IP_URL),
    inst_priv_ip: await ownAddress(),
    uptime: Number.isFinite(uptime) ? uptime : null,
    cpu_info: `${os.availableParallelism ? os.availableParallelism() : os.cpus().length},${cpuModel()}`,
  };
}

// existingId is the id in a file. The first who asks writes its own; where that cannot be, each has its own.
function existingId(name, fresh) {
  try {
    fs.writeFileSync(name, fresh, { flag: 'wx', mode: 0o600 });
    return fresh;
  } catch {
    return read(name).trim() || fresh;
  }
}

// cgroupIds are the ids of the machine and of the instance: the last two names of the longest path of
// /proc/self/cgroup.
function cgroupIds(text) {
  let longest = [];
  for (const line of text.split('\n')) {
    const at = line.indexOf(':', line.indexOf(':') + 1);
    const names = at < 0 ? [] : line.slice(at + 1).split('/').filter((n) => n !== '');
    if (names.length > longest.length) longest = names;
  }
  return [longest[longest.length - 2] || '', longest[longest.length - 1] || ''];
}

// hostAddress is the IPv4 address of this host's name: from the hosts file, else from a name such as ip-10-0-0-7. The
// DNS is not asked.
function hostAddress() {
  const { isIPv4 } = require('net');
  const name = os.hostname();
  for (const line of read('/etc/hosts').split('\n')) {
    const [address, ...names] = line.split('#')[0].trim().split(/\s+/);
    if (names.includes(name) && isIPv4(address) && !address.startsWith('127.')) return address;
  }
  const address = name.split('.')[0].replace(/^ip-/, '').replace(/-/g, '.');
  return isIPv4(address) ? address : '';
}

// ownAddress is the address that datagrams to other networks leave from. Connecting a UDP socket sends nothing.
function ownAddress() {
  const socket = require('dgram').createSocket('udp4');
  return new Promise((resolve) => {
    const done = (address) => socket.close(() => resolve(address));
    socket.once('error', () => done(''));
    socket.connect(9, '192.0.2.1', () => done(socket.address().address)); // of documentation (RFC 5737)
  });
}

// publicAddress asks a service that answers with the caller's address. Without a URL no request is sent.
async function publicAddress(url) {
  if (!url) return '';
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
    const text = (await answer.text()).trim();
    return require('net').isIP(text) ? text : '';
  } catch {
    return '';
  }
}

function cpuModel() {
  const found = /^model name\s*:\s*(.*?)\s*$/m.exec(read('/proc/cpuinfo'));
  return found ? found[1] : '';
}

// The micro-tests: rank (those of a higher one run first, the others in the order of the request), and the function
// that checks the argument and gives what runs.
const commands = { sleep: [1, parseSleep], stat: [0, parseStat], cpu: [0, parseCPU] };

// readCmds checks an object of micro-tests, and puts them into the order in which they run.
function readCmds(asked) {
  if (asked === null || typeof asked !== 'object' || Array.isArray(asked)) throw new Wrong('cmds is not a JSON object');
  const steps = [];
  for (const [name, argument] of Object.entries(asked)) {
    if (!Object.prototype.hasOwnProperty.call(commands, name)) {
      const known = Object.keys(commands).join(', ');
      const got = JSON.stringify(shorten(name));
      throw new Wrong(`cmds: ${got} is not a micro-test of this function; it knows ${known}`);
    }
    const [rank, parse] = commands[name];
    try {
      steps.push({ name, rank, run: parse(argument) });
    } catch (e) {
      throw e instanceof Wrong ? new Wrong(`cmds: ${name}: ${e.message}`) : e;
    }
  }
  return steps.sort((a, b) => b.rank - a.rank);
}

// runCmds runs micro-tests one after the other. One that fails does not keep the others from running. received and
// start are Unix ns.
async function runCmds(steps, received, start, leftNs) {
  const begun = monotonic();
  const end = begun + (leftNs - Number(start - received)) / 1e6;
  const out = {};
  for (const { name, run } of steps) {
    try {
      out[name] = await run(end);
    } catch (e) {
      out[name] = { error: e.message };
    }
  }
  const took = monotonic() - begun;
  const from = Number(start / 1000n) / 1e3;
  return Object.assign(out, { start_time: from, end_time: from + took, elapsed_time: took });
}

module.exports = { Wrong, readCmds, runCmds, factorial, cgroupIds };
