'use strict';
// A twin both ways: the device reads, reports and hears; the service reads, writes and guards.

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { collect, connect, create, registry, report, transports } = require('./hub');

for (const [name, transport] of Object.entries(transports)) {
  describe(`twins over ${name}`, { concurrency: true }, () => {
    const id = (what) => `twin-${what}-${transport.name}`;

    it('the device reads what the service wrote', async (t) => {
      const entry = await create(t, id('read'));
      await registry.updateTwin(id('read'), { tags: { site: 'berlin' }, properties: { desired: { interval: 60, deep: { list: [1, 'ä', true] } } } }, '*');
      const twin = await (await connect(t, entry, transport)).getTwin();
      assert.deepEqual(JSON.parse(JSON.stringify(twin.properties)), {
        desired: { interval: 60, deep: { list: [1, 'ä', true] }, $version: 2 }, reported: { $version: 1 },
      });
      assert.equal(twin.tags, undefined);
    });

    it('the service reads what the device reported', async (t) => {
      const device = await connect(t, await create(t, id('report')), transport);
      const twin = await device.getTwin();
      await report(twin, { firmware: '1.0', battery: { level: 90, cells: 3 } });
      await report(twin, { battery: { cells: null } });
      const { responseBody: seen } = await registry.getTwin(id('report'));
      const { $metadata, $version, ...values } = seen.properties.reported;
      assert.deepEqual(values, { firmware: '1.0', battery: { level: 90 } });
      assert.equal($version, 3);
      assert.ok(Date.parse($metadata.battery.level.$lastUpdated) > Date.now() - 60000);
      assert.equal(seen.connectionState, 'Connected');
      assert.equal(seen.deviceId, id('report'));
    });

    it('a report that cannot be is an error, and changes nothing', async (t) => {
      const device = await connect(t, await create(t, id('bad')), transport);
      const twin = await device.getTwin();
      await assert.rejects(report(twin, { fine: 1, 'not a key': 2 }), /name/);
      await assert.rejects(report(twin, Object.fromEntries(Array.from({ length: 9 }, (_, i) => ['k' + i, 'x'.repeat(4000)]))), /size should be less than 32768 bytes/);
      await report(twin, { after: true });
      const { responseBody: seen } = await registry.getTwin(id('bad'));
      const { $metadata, $version, ...values } = seen.properties.reported;
      assert.deepEqual(values, { after: true });
      assert.equal($version, 2);
    });

    it('the device hears of each change of what is desired, in order', async (t) => {
      const device = await connect(t, await create(t, id('desired')), transport);
      const twin = await device.getTwin();
      const next = collect(twin, 'properties.desired');
      assert.equal((await next('first state')).$version, 1);
      await onceSubscribed(twin);
      await registry.updateTwin(id('desired'), { properties: { desired: { a: { b: 1, c: 2 } } } }, '*');
      await registry.updateTwin(id('desired'), { tags: { quiet: true } }, '*');
      await registry.updateTwin(id('desired'), { properties: { desired: { a: { b: null }, d: 'x' } } }, '*');
      assert.deepEqual(await next('first notice'), { a: { b: 1, c: 2 }, $version: 2 });
      assert.deepEqual(await next('second notice'), { a: { b: null }, d: 'x', $version: 3 });
      assert.deepEqual(twin.properties.desired, { a: { c: 2 }, d: 'x', $version: 3 });
    });
  });
}

// onceSubscribed ends when the hub has granted desired notices.
const onceSubscribed = (twin) => new Promise((resolve, reject) => {
  twin.enableTwinDesiredPropertiesUpdates((err) => err ? reject(err) : resolve());
});

describe('the service and twins', { concurrency: true }, () => {
  it('an etag guards a write', async (t) => {
    await create(t, 'twin-etag');
    const { responseBody: first } = await registry.getTwin('twin-etag');
    const { responseBody: second } = await registry.updateTwin('twin-etag', { tags: { n: 1 } }, first.etag);
    assert.notEqual(second.etag, first.etag);
    assert.deepEqual(second.tags, { n: 1 });
    await assert.rejects(registry.updateTwin('twin-etag', { tags: { n: 2 } }, first.etag), { name: 'InvalidEtagError' });
    await second.update({ tags: { n: 3, gone: null } });
    const { responseBody: third } = await registry.getTwin('twin-etag');
    assert.deepEqual(third.tags, { n: 3 });
    assert.equal(third.version, 4);
  });

  it('what the service writes has limits', async (t) => {
    await create(t, 'twin-limits');
    await assert.rejects(registry.updateTwin('twin-limits', { tags: { 'a.b': 1 } }, '*'), { name: 'ArgumentError' });
    await assert.rejects(registry.updateTwin('twin-limits', { tags: { a: 'x'.repeat(4097) } }, '*'), { name: 'ArgumentError' });
    const big = Object.fromEntries(Array.from({ length: 3 }, (_, i) => ['k' + i, 'x'.repeat(4000)]));
    await assert.rejects(registry.updateTwin('twin-limits', { tags: big }, '*'), (err) => err.response.statusCode === 403 && /size should be less than 8192 bytes/.test(err.message));
  });

  it('a twin that does not exist', async () => {
    await assert.rejects(registry.getTwin('nobody'), { name: 'DeviceNotFoundError' });
    await assert.rejects(registry.updateTwin('nobody', { tags: {} }, '*'), { name: 'DeviceNotFoundError' });
  });
});
