// Evaluates worlds with npm mailauth. Reads a world in JSON per line. Writes the version of mailauth
// and a result per line.
'use strict';

const { dmarc } = require('mailauth/lib/dmarc');

function failure(code) {
  return Object.assign(new Error(code), { code });
}

function resolverOf(world) {
  return async (name, type) => {
    name = name.toLowerCase();
    if (world.broken.includes(name)) {
      throw failure('ESERVFAIL');
    }
    if (type === 'TXT' && world.texts[name]) {
      return world.texts[name].map((text) => [text]);
    }
    if (type === 'A' && world.exist.includes(name)) {
      return ['192.0.2.1'];
    }
    throw failure(type === 'TXT' && world.exist.includes(name) ? 'ENODATA' : 'ENOTFOUND');
  };
}

async function evaluate(world) {
  const response = await dmarc({
    headerFrom: world.from,
    fromFields: 1,
    spfDomains: world.spf.map((domain) => ({ domain })),
    dkimDomains: world.dkim.map((domain) => ({ domain })),
    resolver: resolverOf(world),
  });
  if (!response) {
    return { result: 'refused' };
  }
  return {
    result: response.status.result,
    policy: response.policy || '',
    policyDomain: response.policyDomain || '',
    organization: response.domain || '',
    spf: Boolean(response.alignment?.spf.result),
    dkim: Boolean(response.alignment?.dkim.result),
  };
}

async function main() {
  console.log(JSON.stringify(require('mailauth/package.json').version));
  const lines = require('node:readline').createInterface({ input: process.stdin });
  for await (const line of lines) {
    console.log(JSON.stringify(await evaluate(JSON.parse(line))));
  }
}

main();
