'use strict';
// New tokens, new connections: what was subscribed to before is heard after. The SDK closes and opens
// its connection for a new token and does not subscribe again, so it is the hub that must remember.

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { Client, SharedAccessSignature } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const { collect, create, host, invoke, onMethod, registry, transports, until } = require('./hub');

const moved = async (id) => (await registry.get(id)).responseBody;
const inSeconds = (n) => Math.floor(Date.now() / 1000) + n;

function token(id, entry, expiry) {
  const key = /SharedAccessKey=(.+)$/.exec(entry)[1];
  return SharedAccessSignature.create(host, id, key, expiry).toString();
}

// listen subscribes to all there is, and gives a check that it is still heard.
async function listen(device, id) {
  await onMethod(device, 'ping', (request, response) => response.send(200, 'pong'));
  const twin = await device.getTwin();
  const next = collect(twin, 'properties.desired');
  await new Promise((resolve, reject) => twin.enableTwinDesiredPropertiesUpdates((err) => err ? reject(err) : resolve()));
  let n = 0;
  return async function stillHears() {
    assert.deepEqual(await invoke(id, 'ping', null, { connectTimeoutInSeconds: 10 }), { status: 200, payload: 'pong' });
    const round = ++n;
    await registry.updateTwin(id, { properties: { desired: { round } } }, '*');
    await next(`notice ${round}`, (patch) => patch.round === round);
    await new Promise((resolve, reject) => twin.properties.reported.update({ round }, (err) => err ? reject(err) : resolve()));
  };
}

describe('renewal', { concurrency: true }, () => {
  for (const [name, transport] of Object.entries(transports)) {
    it(`by the SDK's own clock, over ${name}`, async (t) => {
      const id = `renew-auto-${transport.name}`;
      const device = Client.fromConnectionString(await create(t, id), transport);
      t.after(() => device.close().catch(() => {}));
      await device.setOptions({ tokenRenewal: { tokenValidTimeInSeconds: 10, tokenRenewalMarginInSeconds: 8 } });
      await device.open();
      const stillHears = await listen(device, id);
      await stillHears();
      for (let round = 0; round < 2; round++) {
        const { connectionStateUpdatedTime: before } = await moved(id);
        await until('the SDK connects with a new token', () => moved(id), (i) => i.connectionState === 'Connected' && i.connectionStateUpdatedTime > before);
        await stillHears();
      }
    });

    it(`by the program, over ${name}`, async (t) => {
      const id = `renew-hand-${transport.name}`;
      const entry = await create(t, id);
      const device = Client.fromSharedAccessSignature(token(id, entry, inSeconds(60)), transport);
      t.after(() => device.close().catch(() => {}));
      await device.open();
      const stillHears = await listen(device, id);
      const { connectionStateUpdatedTime: before } = await moved(id);
      await new Promise((resolve, reject) => device.updateSharedAccessSignature(token(id, entry, inSeconds(120)), (err) => err ? reject(err) : resolve()));
      assert.ok((await moved(id)).connectionStateUpdatedTime > before, 'the SDK did not connect again');
      await stillHears();
    });
  }

  it('a connection ends with its token', async (t) => {
    const id = 'renew-never';
    const device = Client.fromSharedAccessSignature(token(id, await create(t, id), inSeconds(2)), Mqtt);
    t.after(() => device.close().catch(() => {}));
    device.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => -1 });
    await device.open();
    await new Promise((resolve) => device.on('disconnect', resolve));
    await until('the hub sees it gone', () => moved(id), (i) => i.connectionState === 'Disconnected');
  });

  it('an old token opens nothing', async (t) => {
    const id = 'renew-old';
    const device = Client.fromSharedAccessSignature(token(id, await create(t, id), inSeconds(-60)), Mqtt);
    device.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => -1 });
    await assert.rejects(device.open(), /Not authorized/i);
  });
});
