'use strict';
// Queries, page by page.

const assert = require('node:assert/strict');
const { before, describe, it } = require('node:test');
const { registry } = require('./hub');

const ids = Array.from({ length: 7 }, (_, i) => `query-${i}`);

describe('queries', () => {
  before(async () => {
    await registry.addDevices(ids.map((deviceId) => ({ deviceId })));
    await Promise.all(ids.map((id, n) => registry.updateTwin(id, { tags: { fleet: 'q', n } }, '*')));
  });

  it('pages of twins lose none and repeat none', async () => {
    const query = registry.createQuery("SELECT * FROM devices WHERE tags.fleet = 'q'", 3);
    const seen = [];
    const sizes = [];
    while (query.hasMoreResults) {
      const { result } = await query.nextAsTwin();
      sizes.push(result.length);
      for (const twin of result) {
        assert.equal(typeof twin.update, 'function');
        seen.push(twin.deviceId);
      }
      assert.ok(sizes.length < 10, 'the last page never comes');
    }
    assert.deepEqual(seen.sort(), ids);
    assert.deepEqual(sizes, [3, 3, 1]);
  });

  it('next, in both of its forms', async () => {
    const query = registry.createQuery("SELECT deviceId, tags.n AS n FROM devices WHERE tags.fleet = 'q' AND tags.n > 4", 1);
    const { result: first, message } = await query.next();
    assert.equal(message.headers['x-ms-item-type'], 'Raw');
    const { result: second } = await query.next(message.headers['x-ms-continuation']);
    assert.deepEqual([...first, ...second].sort((a, b) => a.n - b.n), [{ deviceId: 'query-5', n: 5 }, { deviceId: 'query-6', n: 6 }]);

    const counting = registry.createQuery("SELECT COUNT() AS total FROM devices WHERE tags.fleet = 'q'");
    const counted = await new Promise((resolve, reject) => counting.next((err, rows) => err ? reject(err) : resolve(rows)));
    assert.deepEqual(counted, [{ total: 7 }]);
    assert.equal(counting.hasMoreResults, false);
  });

  it('what is no query', async () => {
    await assert.rejects(registry.createQuery('SELECT * FROM devices ORDER BY deviceId').next(), { name: 'ArgumentError' });
    await assert.rejects(registry.createQuery('SELECT * FROM devices', 2).next('no token'), { name: 'ArgumentError' });
  });
});
