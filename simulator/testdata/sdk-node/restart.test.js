'use strict';
// The simulator ends and starts again with what it kept: the device comes back by itself, and hears
// what it had subscribed to.

const assert = require('node:assert/strict');
const { it } = require('node:test');
const { collect, connect, create, invoke, onMethod, registry, report } = require('./hub');

it('a device lives on over a restart of the hub', async (t) => {
  const id = 'restart-1';
  const device = await connect(t, await create(t, id));
  await onMethod(device, 'ping', (request, response) => response.send(200, 'pong'));
  const twin = await device.getTwin();
  const next = collect(twin, 'properties.desired');
  await new Promise((resolve, reject) => twin.enableTwinDesiredPropertiesUpdates((err) => err ? reject(err) : resolve()));
  await report(twin, { before: true });

  // The Go test at this address ends the simulator, starts it again, and answers when it is up.
  const answer = await fetch(process.env.TWINBOOK_RESTART, { method: 'POST' });
  assert.equal(answer.status, 200, await answer.text());

  assert.deepEqual(await invoke(id, 'ping', null, { connectTimeoutInSeconds: 60 }), { status: 200, payload: 'pong' });
  const { responseBody: kept } = await registry.updateTwin(id, { properties: { desired: { after: 1 } } }, '*');
  assert.equal(kept.properties.reported.before, true);
  await next('notice after the restart', (patch) => patch.after === 1);
});
