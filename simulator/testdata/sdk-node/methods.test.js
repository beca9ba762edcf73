'use strict';
// Direct methods: answered, refused, late and never.

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { connect, create, invoke, onMethod, service, transports } = require('./hub');

for (const [name, transport] of Object.entries(transports)) {
  describe(`methods over ${name}`, { concurrency: true }, () => {
    const id = (what) => `method-${what}-${transport.name}`;

    it('every kind of payload comes back as it was', async (t) => {
      const device = await connect(t, await create(t, id('echo')), transport);
      await onMethod(device, 'echo', (request, response) => response.send(207, request.payload));
      for (const payload of [{ a: [1, { b: null }], ä: '<€>' }, [], 'text', '', 42, -0.5, 0, true, false, null]) {
        assert.deepEqual(await invoke(id('echo'), 'echo', payload), { status: 207, payload });
      }
      assert.deepEqual(await invoke(id('echo'), 'echo', undefined), { status: 207, payload: null });
      const big = 'x'.repeat(100000);
      assert.deepEqual(await invoke(id('echo'), 'echo', big), { status: 207, payload: big });
    });

    it('an answer without payload is null, and a status of the device is no error', async (t) => {
      const device = await connect(t, await create(t, id('status')), transport);
      await onMethod(device, 'refuse', (request, response) => response.send(500));
      assert.deepEqual(await invoke(id('status'), 'refuse', {}), { status: 500, payload: null });
    });

    it('many calls at once find their answers', async (t) => {
      const device = await connect(t, await create(t, id('many')), transport);
      await onMethod(device, 'work', (request, response) => setTimeout(() => response.send(200, request.payload), Math.random() * 50));
      const numbers = Array.from({ length: 50 }, (_, i) => i);
      const answers = await Promise.all(numbers.map((n) => invoke(id('many'), 'work', n)));
      assert.deepEqual(answers.map((a) => a.payload), numbers);
    });

    it('a call waits for its device', async (t) => {
      const entry = await create(t, id('late'));
      const waiting = invoke(id('late'), 'now', 1, { connectTimeoutInSeconds: 20 });
      const device = await connect(t, entry, transport);
      await onMethod(device, 'now', (request, response) => response.send(200, 'here'));
      assert.deepEqual(await waiting, { status: 200, payload: 'here' });
    });
  });
}

// failed is the error of a call, with the service's own code.
async function failed(deviceId, params) {
  try {
    await service.invokeDeviceMethod(deviceId, { methodName: 'x', ...params });
  } catch (err) {
    const body = JSON.parse(err.responseBody).Message;
    return { name: err.name, status: err.response.statusCode, code: body.startsWith('{') ? JSON.parse(body).errorCode : body.split(/[:;]/)[1] };
  }
  assert.fail('the call worked');
}

describe('methods that fail', { concurrency: true }, () => {
  it('nobody of that name', async () => {
    assert.deepEqual(await failed('nobody'), { name: 'DeviceNotFoundError', status: 404, code: 'DeviceNotFound' });
  });

  it('a device that is not there, or takes no methods', async (t) => {
    const entry = await create(t, 'method-offline');
    const offline = { name: 'Error', status: 404, code: 404103 };
    assert.deepEqual(await failed('method-offline'), offline);
    await connect(t, entry);
    assert.deepEqual(await failed('method-offline'), offline);
    assert.deepEqual(await failed('method-offline', { connectTimeoutInSeconds: 1 }), offline);
  });

  it('a method that the SDK does not know is never answered', async (t) => {
    const device = await connect(t, await create(t, 'method-silent'));
    await onMethod(device, 'known', (request, response) => response.send(200));
    const before = Date.now();
    assert.deepEqual(await failed('method-silent', { responseTimeoutInSeconds: 5 }), { name: 'GatewayTimeoutError', status: 504, code: 504101 });
    const took = Date.now() - before;
    assert.ok(took > 4500 && took < 20000, `took ${took} ms`);
  });

  it('a device that goes away meanwhile', async (t) => {
    const device = await connect(t, await create(t, 'method-gone'));
    await onMethod(device, 'x', () => device.close());
    assert.deepEqual(await failed('method-gone'), { name: 'Error', status: 404, code: 404104 });
  });

  it('what cannot be asked', async (t) => {
    await create(t, 'method-bad');
    for (const params of [{ methodName: 'a/b' }, { responseTimeoutInSeconds: 4 }, { responseTimeoutInSeconds: 301 }, { connectTimeoutInSeconds: 301 }, { payload: 'x'.repeat(140000) }]) {
      const { name, status } = await failed('method-bad', params);
      assert.deepEqual({ name, status }, { name: 'ArgumentError', status: 400 }, JSON.stringify(params).slice(0, 80));
    }
  });
});
