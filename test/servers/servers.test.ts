import { createServer, type Server } from 'node:net';
import { expect, test } from 'vitest';
import { listen } from '../../src/servers/listen.ts';
import { openDoors } from './scripted.ts';

test.each([
  ['grpcPort', 'ANTIPHON_GRPC_PORT'],
  ['httpPort', 'ANTIPHON_HTTP_PORT'],
])('a %s in use is named, with its variable, and nothing stays open', async (setting, variable) => {
  const first = await openDoors();
  const taken = setting === 'grpcPort' ? first.grpc.port : first.http.port;
  await expect(openDoors(undefined, { [setting]: taken })).rejects.toThrow(
    `127.0.0.1:${taken} is already in use. Stop what listens there, or set ${variable} to another port`,
  );
  await first.close();
  const again = await openDoors(undefined, { [setting]: taken });
  expect([again.grpc.port, again.http.port]).toContain(taken);
  await again.close();
});

test.each([
  ['EACCES', 'Listening on h:80 is not permitted. Set PORT to a port from 1024 on.'],
  ['EADDRNOTAVAIL', 'Listening on h:80 failed (EADDRNOTAVAIL). Check ANTIPHON_HOST and PORT.'],
  [undefined, 'Listening on h:80 failed (unknown). Check ANTIPHON_HOST and PORT.'],
])('%s is explained', async (code, message) => {
  const server: Server = createServer();
  server.listen = () => {
    process.nextTick(() => server.emit('error', Object.assign(new Error('no'), code && { code })));
    return server;
  };
  await expect(listen(server, { host: 'h', port: 80, variable: 'PORT' })).rejects.toThrow(message);
});

test('the addresses are those bound', async () => {
  const doors = await openDoors();
  expect(doors.grpc).toEqual({ host: '127.0.0.1', port: expect.any(Number) });
  expect(doors.grpc.port).not.toBe(0);
  expect(doors.http.port).not.toBe(doors.grpc.port);
  await doors.close();
});
