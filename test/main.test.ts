import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { greeting } from '../src/greeting.ts';
import { main } from '../src/main.ts';
import { version } from '../src/version.ts';
import { startGateway } from './support/gateway.ts';

let out = '';
let err = '';

beforeEach(() => {
  out = '';
  err = '';
  process.exitCode = undefined;
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text;
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
});

describe('main', () => {
  it('tells its version', async () => {
    await main(['version']);
    expect(out).toBe(`${version}\n`);
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
  });

  it.each(['help', '--help'])('explains itself with %s', async (command) => {
    await main([command]);
    expect(out).toContain('antiphon [command]');
    expect(process.exitCode).toBeUndefined();
  });

  it.each([[['start']], [['serve', 'now']]])('refuses %j', async (args) => {
    await main(args);
    expect(err).toContain('antiphon [command]');
    expect(process.exitCode).toBe(2);
  });

  it('checks a configuration that is valid', async () => {
    vi.stubEnv('USE_MOCK_LLM', 'true');
    await main(['check']);
    expect(out).toContain('The configuration is valid.');
    expect(process.exitCode).toBeUndefined();
  });

  it.each(['check', 'serve'])(
    'says all that is wrong with a configuration on %s, and starts nothing',
    async (command) => {
      vi.stubEnv('ANTIPHON_GRPC_PORT', 'many');
      vi.stubEnv('LLM_REQUEST_TIMEOUT', '-1');
      await main([command]);
      expect(err).toContain('ANTIPHON_GRPC_PORT');
      expect(err).toContain('LLM_REQUEST_TIMEOUT');
      expect(process.exitCode).toBe(1);
      expect(out).toBe('');
    },
  );
});

describe('the greeting', () => {
  it('has the addresses and three calls to try', async () => {
    const gateway = await startGateway();
    const text = greeting(gateway.config, gateway.addresses);
    await gateway.close();
    for (const call of ['buf curl --protocol grpc', 'curl -H', 'grpcurl -plaintext']) expect(text).toContain(call);
    expect(text).toContain(gateway.addresses.grpc);
    expect(text).toContain('mock');
  });
});

describe('start', () => {
  it('names the port that is in use, and leaves nothing running', async () => {
    const first = await startGateway();
    const second = startGateway({ env: { ANTIPHON_GRPC_PORT: String(first.grpcPort) } });
    await expect(second).rejects.toThrow(new RegExp(`${first.grpcPort} is already in use.*ANTIPHON_GRPC_PORT`));
    await first.close();
  });
});
