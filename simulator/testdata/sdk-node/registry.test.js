'use strict';
// Identities: made, read, changed, switched off, thrown away; many at once; modules.

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { Mqtt } = require('azure-iot-device-mqtt');
const { ModuleClient, connect, connectionString, create, host, registry, service, until } = require('./hub');

describe('registry', { concurrency: true }, () => {
  it('a device from its making to its end', async (t) => {
    t.after(() => registry.delete('reg-1').catch(() => {}));
    const { responseBody: made } = await registry.create({ deviceId: 'reg-1' });
    assert.ok(Buffer.from(made.authentication.symmetricKey.primaryKey, 'base64').length >= 16);
    assert.notEqual(made.authentication.symmetricKey.primaryKey, made.authentication.symmetricKey.secondaryKey);
    assert.equal(made.status, 'enabled');
    assert.equal(made.connectionState, 'Disconnected');
    await assert.rejects(registry.create({ deviceId: 'reg-1' }), { name: 'DeviceAlreadyExistsError' });

    const { responseBody: read, httpResponse } = await registry.get('reg-1');
    assert.deepEqual(read.authentication.symmetricKey, made.authentication.symmetricKey);
    assert.equal(httpResponse.headers.etag, `"${read.etag}"`);

    const { responseBody: changed } = await registry.update({ ...read, status: 'disabled', statusReason: 'lent' });
    assert.equal(changed.status, 'disabled');
    assert.notEqual(changed.etag, read.etag);
    assert.equal((await registry.getTwin('reg-1')).responseBody.status, 'disabled');

    await registry.delete('reg-1');
    await assert.rejects(registry.get('reg-1'), { name: 'DeviceNotFoundError' });
    await assert.rejects(registry.delete('reg-1'), { name: 'DeviceNotFoundError' });
    const { responseBody: again } = await registry.create({ deviceId: 'reg-1' });
    assert.notEqual(again.generationId, made.generationId);
  });

  it('keys of one\'s own', async (t) => {
    const [primaryKey, secondaryKey] = ['a'.repeat(32), 'b'.repeat(32)].map((k) => Buffer.from(k).toString('base64'));
    t.after(() => registry.delete('reg-keys').catch(() => {}));
    await registry.create({ deviceId: 'reg-keys', authentication: { type: 'sas', symmetricKey: { primaryKey, secondaryKey } } });
    await connect(t, connectionString('reg-keys', { authentication: { symmetricKey: { primaryKey } } }));
    await connect(t, connectionString('reg-keys', { authentication: { symmetricKey: { primaryKey: secondaryKey } } }));
    await assert.rejects(connect(t, connectionString('reg-keys', { authentication: { symmetricKey: { primaryKey: 'AAAAAAAAAAAAAAAAAAAAAA==' } } })), /Not authorized/i);
  });

  it('a device that is disabled is out, and stays out', async (t) => {
    const entry = await create(t, 'reg-off');
    const device = await connect(t, entry);
    device.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => -1 });
    const out = new Promise((resolve) => device.on('disconnect', resolve));
    const { responseBody: identity } = await registry.get('reg-off');
    await registry.update({ ...identity, status: 'disabled' });
    await out;
    await assert.rejects(connect(t, entry), /Not authorized/i);
    await registry.update({ ...identity, status: 'enabled' });
    await connect(t, entry);
  });

  it('ids with signs in them', async (t) => {
    for (const id of ["reg%20'()*!", 'reg:a@b=c,d+e', 'reg?a#b$_-.']) {
      const entry = await create(t, id);
      assert.equal((await registry.get(id)).responseBody.deviceId, id);
      assert.equal((await registry.getTwin(id)).responseBody.deviceId, id);
      const device = await connect(t, entry);
      assert.equal((await device.getTwin()).properties.desired.$version, 1);
    }
  });

  it('many at once', async (t) => {
    const devices = [1, 2, 3].map((n) => ({ deviceId: `reg-bulk-${n}` }));
    t.after(() => registry.removeDevices(devices, true).catch(() => {}));
    const { responseBody: added } = await registry.addDevices(devices);
    assert.equal(added.isSuccessful, true);
    assert.deepEqual(added.errors, []);
    const { responseBody: all } = await registry.list();
    assert.deepEqual(all.map((d) => d.deviceId).filter((id) => id.startsWith('reg-bulk-')).sort(), devices.map((d) => d.deviceId));

    await assert.rejects(registry.addDevices([{ deviceId: 'reg-bulk-1' }, { deviceId: 'reg-bulk-4' }]), (err) => {
      const { isSuccessful, errors } = JSON.parse(err.responseBody);
      return err.response.statusCode === 400 && isSuccessful === false && errors.length === 1 && errors[0].deviceId === 'reg-bulk-1';
    });
    const off = devices.map((d) => ({ ...d, status: 'disabled' }));
    assert.equal((await registry.updateDevices(off, true)).responseBody.isSuccessful, true);
    assert.equal((await registry.get('reg-bulk-2')).responseBody.status, 'disabled');
    assert.equal((await registry.removeDevices(devices, true)).responseBody.isSuccessful, true);
    await assert.rejects(registry.get('reg-bulk-2'), { name: 'DeviceNotFoundError' });
    await registry.delete('reg-bulk-4').catch(() => {});
  });

  it('statistics', async (t) => {
    await create(t, 'reg-count');
    const { responseBody: counts } = await registry.getRegistryStatistics();
    assert.ok(counts.totalDeviceCount >= 1);
    assert.equal(counts.totalDeviceCount, counts.enabledDeviceCount + counts.disabledDeviceCount);
    const { responseBody: live } = await service.getServiceStatistics?.() ?? { responseBody: { connectedDeviceCount: 0 } };
    assert.ok(live.connectedDeviceCount >= 0);
  });

  it('a module has an identity, a twin and methods of its own', async (t) => {
    await create(t, 'reg-mod');
    await registry.addModule({ deviceId: 'reg-mod', moduleId: 'm1', managedBy: 'test' });
    const { responseBody: made } = await registry.getModule('reg-mod', 'm1');
    assert.equal(made.moduleId, 'm1');
    assert.equal(made.managedBy, 'test');
    assert.deepEqual((await registry.getModulesOnDevice('reg-mod')).responseBody.map((m) => m.moduleId), ['m1']);

    const module = ModuleClient.fromConnectionString(`HostName=${host};DeviceId=reg-mod;ModuleId=m1;SharedAccessKey=${made.authentication.symmetricKey.primaryKey}`, Mqtt);
    await module.open();
    t.after(() => module.close().catch(() => {}));
    const twin = await module.getTwin();
    await new Promise((resolve, reject) => twin.properties.reported.update({ of: 'm1' }, (err) => err ? reject(err) : resolve()));
    const { responseBody: seen } = await registry.updateModuleTwin('reg-mod', 'm1', { properties: { desired: { x: 1 } } }, '*');
    assert.equal(seen.properties.reported.of, 'm1');
    assert.equal(seen.moduleId, 'm1');

    module.onMethod('ping', (request, response) => response.send(200, request.payload));
    const { result } = await service.invokeDeviceMethod('reg-mod', 'm1', { methodName: 'ping', payload: 7, connectTimeoutInSeconds: 10 });
    assert.deepEqual(result, { status: 200, payload: 7 });

    await registry.removeModule('reg-mod', 'm1');
    await until('the module is gone', async () => (await registry.getModulesOnDevice('reg-mod')).responseBody, (list) => list.length === 0);
  });
});
