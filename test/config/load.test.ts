// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is what references in the file look like
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, formatProblems } from '../../src/config/problem.ts';
import { variableNames } from '../../src/config/variables.ts';
import {
  defaultBreaker,
  defaultConcurrency,
  defaultProbes,
  defaultRetry,
  defaultShedding,
} from '../../src/resilience/settings.ts';
import { noRouting } from '../../src/routing/settings.ts';
import { type Env, KEY, load, problemsOf, said } from './loading.ts';

describe('the defaults', () => {
  it('are those of the documentation', () => {
    expect(load({})).toMatchObject({
      server: {
        host: '127.0.0.1',
        grpcPort: 50_051,
        httpPort: 8080,
        metricsPort: 9464,
        maxMessageBytes: 16_777_216,
        maxConcurrentStreams: 1000,
        keepaliveTimeMs: 60_000,
        keepaliveTimeoutMs: 20_000,
        maxConnectionAgeMs: undefined,
        maxConnectionAgeGraceMs: 600_000,
        corsOrigins: [],
        reflection: true,
        drainDelayMs: 2000,
        drainGraceMs: 25_000,
      },
      timeouts: {
        connectMs: 10_000,
        firstTokenMs: 60_000,
        idleMs: 60_000,
        totalMs: 60_000,
        streamTotalMs: 600_000,
        stallMs: 30_000,
      },
      media: { fetch: true, maxBytes: 20_971_520, maxHeldBytes: 268_435_456, maxItems: 20, timeoutMs: 10_000 },
      catalogue: { overrides: new Map(), refreshMs: undefined },
      store: {
        redis: undefined,
        sqlitePath: undefined,
        maxEntries: 10_000,
        maxBytes: 67_108_864,
        maxAccounts: 100_000,
        failover: {
          failuresToLeave: 3,
          probesToReturn: 3,
          probeMs: 100,
          maxProbeMs: 5_000,
          maxPending: 10_000,
          maxSeen: 100_000,
        },
      },
      enabled: true,
      routing: noRouting,
      retry: defaultRetry,
      breaker: defaultBreaker,
      concurrency: defaultConcurrency,
      shedding: defaultShedding,
      probes: defaultProbes,
      fallback: { answers: new Map(), always: undefined },
      files: [],
      mockEverything: false,
      mockStandsIn: true,
      mock: { seed: 0, latencyMs: 0, tokensPerSecond: 0, errorRate: 0 },
      maxResponseBytes: 33_554_432,
      maxEventBytes: 1_048_576,
      telemetry: { serviceName: 'antiphon', otlpEndpoint: undefined, logLevel: 'info', captureContent: false },
      secrets: [],
    });
  });

  it('are the same for variables that are empty', () => {
    const empty = Object.fromEntries(variableNames.map((name) => [name, '']));
    expect(load(empty)).toEqual(load({}));
  });
});

describe('the variables', () => {
  it.each<[Env, object]>([
    [{ ANTIPHON_HOST: '::1' }, { server: { host: '::1' } }],
    [{ ANTIPHON_GRPC_PORT: '0' }, { server: { grpcPort: 0 } }],
    [{ ANTIPHON_HTTP_PORT: ' 81 ' }, { server: { httpPort: 81 } }],
    [{ ANTIPHON_METRICS_PORT: '65535' }, { server: { metricsPort: 65_535 } }],
    [{ ANTIPHON_CORS_ORIGINS: '*' }, { server: { corsOrigins: ['*'] } }],
    [
      { ANTIPHON_CORS_ORIGINS: 'https://a.example, http://[::1]:3000' },
      { server: { corsOrigins: ['https://a.example', 'http://[::1]:3000'] } },
    ],
    [{ ANTIPHON_LOG_LEVEL: 'silent' }, { telemetry: { logLevel: 'silent' } }],
    [{ ANTIPHON_MOCK_SEED: '7' }, { mock: { seed: 7 } }],
    [{ ANTIPHON_MOCK_LATENCY_MS: '250' }, { mock: { latencyMs: 250 } }],
    [{ ANTIPHON_MOCK_TOKENS_PER_SECOND: '12.5' }, { mock: { tokensPerSecond: 12.5 } }],
    [{ ANTIPHON_MOCK_ERROR_RATE: '0.25' }, { mock: { errorRate: 0.25 } }],
    [{ USE_MOCK_LLM: 'TRUE' }, { mockEverything: true, mockStandsIn: false }],
    [{ LLM_MAX_RETRIES: '0' }, { retry: { maxRetries: 0, beforeFallback: 0 } }],
    [{ LLM_MAX_RETRIES: '10' }, { retry: { maxRetries: 10, beforeFallback: 1 } }],
    [{ LLM_ENABLED: 'no' }, { enabled: false }],
    [{ LLM_FALLBACK_TEXT: 'Sorry, ${x}.' }, { fallback: { answers: new Map([['default', 'Sorry, ${x}.']]) } }],
    [{ ...KEY, LLM_PROVIDER_ORDER: 'groq, openai' }, { routing: { providerOrder: ['openai'] } }],
    [{ LLM_REQUEST_TIMEOUT: '2.5' }, { timeouts: { totalMs: 2500, firstTokenMs: 2500, streamTotalMs: 600_000 } }],
    [{ LLM_REQUEST_TIMEOUT: '900' }, { timeouts: { totalMs: 900_000, streamTotalMs: 900_000 } }],
    [{ OTEL_SERVICE_NAME: 'front door' }, { telemetry: { serviceName: 'front door' } }],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/' }, { telemetry: { otlpEndpoint: 'http://c:4318/' } }],
  ])('%j', (env, expected) => {
    expect(load(env)).toMatchObject(expected);
  });

  it.each<[Env, string]>([
    [{ ANTIPHON_HOST: 'a b' }, 'ANTIPHON_HOST is not an IP address or a host name'],
    [{ ANTIPHON_GRPC_PORT: 'tcp://10.0.0.1:50051' }, 'ANTIPHON_GRPC_PORT is not a number'],
    [{ ANTIPHON_GRPC_PORT: '-1' }, 'ANTIPHON_GRPC_PORT is too small'],
    [{ ANTIPHON_HTTP_PORT: '65536' }, 'ANTIPHON_HTTP_PORT is too large'],
    [{ ANTIPHON_HTTP_PORT: '80.5' }, 'ANTIPHON_HTTP_PORT is not a whole number'],
    [{ ANTIPHON_CORS_ORIGINS: 'https://a.example/' }, 'server.cors_origins[0] is not the origin of a web page'],
    [{ ANTIPHON_CORS_ORIGINS: '*,a.example' }, 'server.cors_origins[1] is not the origin of a web page'],
    [{ ANTIPHON_LOG_LEVEL: 'INFO' }, 'ANTIPHON_LOG_LEVEL is not one of the possible values'],
    [{ ANTIPHON_MOCK_SEED: 'x' }, 'ANTIPHON_MOCK_SEED is not a number'],
    [{ ANTIPHON_MOCK_ERROR_RATE: '1.5' }, 'ANTIPHON_MOCK_ERROR_RATE is too large'],
    [{ USE_MOCK_LLM: 'maybe' }, 'USE_MOCK_LLM is not true or false'],
    [{ LLM_REQUEST_TIMEOUT: '0' }, 'LLM_REQUEST_TIMEOUT is not a number of seconds'],
    [{ LLM_REQUEST_TIMEOUT: '60s' }, 'LLM_REQUEST_TIMEOUT is not a number of seconds'],
    [{ LLM_REQUEST_TIMEOUT: '86401' }, 'LLM_REQUEST_TIMEOUT is not a number of seconds'],
    [{ LLM_MAX_RETRIES: '11' }, 'LLM_MAX_RETRIES is too large'],
    [{ LLM_MAX_RETRIES: '-1' }, 'LLM_MAX_RETRIES is too small'],
    [{ LLM_ENABLED: 'maybe' }, 'LLM_ENABLED is not true or false'],
    [{ LLM_FALLBACK_TEXT: 'x {{user}}' }, 'LLM_FALLBACK_TEXT has a placeholder that is not known'],
    [{ LLM_PROVIDER_ORDER: 'openai, opnai' }, 'models.provider_order[1] is not the name of a provider'],
    [{ LLM_PROVIDER_ORDER: 'openai,groq,openai' }, 'models.provider_order[2] is there twice'],
    [{ OTEL_SERVICE_NAME: 'a\u0007b' }, 'OTEL_SERVICE_NAME is not a possible name of a service'],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'c:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT is not the address of a collector'],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://u:p@c:1' },
      'OTEL_EXPORTER_OTLP_ENDPOINT is not the address of a collector',
    ],
    [{ ANTIPHON_HTTP_PORT: '50051' }, 'server.http_port is the port of another door'],
    [{ ANTIPHON_GRPC_PORT: '8080' }, 'server.http_port is the port of another door'],
  ])('%j: %s', (env, expected) => {
    expect(said(env).map((text) => text.replace('ANTIPHON_HTTP_PORT is the', 'server.http_port is the'))).toEqual([
      expected,
    ]);
  });

  it('win over the file, and the file over the defaults', () => {
    const file = 'server: { host: "::1", grpc_port: 7000, http_port: 7001 }\ntelemetry: { log_level: warn }\n';
    const { server, telemetry } = load({ ANTIPHON_GRPC_PORT: '7005', ANTIPHON_LOG_LEVEL: '' }, file);
    expect(server).toMatchObject({ host: '::1', grpcPort: 7005, httpPort: 7001, metricsPort: 9464 });
    expect(telemetry.logLevel).toBe('warn');
  });

  const CAPTURE = 'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT';

  it.each<[string, boolean]>([
    ['true', true],
    ['TRUE', true],
    ['span_only', true],
    ['SPAN_AND_EVENT', true],
    ['false', false],
    ['EVENT_ONLY', false],
    ['no_content', false],
    ['', false],
  ])('for the capture of content: %s is %s', (value, expected) => {
    expect(load({ [CAPTURE]: value }).telemetry.captureContent).toBe(expected);
  });

  it('yield to the file for the capture of content', () => {
    for (const value of [true, false]) {
      const { telemetry } = load({ [CAPTURE]: String(!value) }, `telemetry: { capture_content: ${value} }`);
      expect(telemetry.captureContent).toBe(value);
    }
    expect(said({ [CAPTURE]: 'some' })).toEqual([`${CAPTURE} is not true or false`]);
  });

  it('say at the start that content is captured, or that it cannot be', () => {
    const about = (env: Env) => load(env).notices.filter((notice) => notice.includes('capture_content'));
    const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' };
    expect(about(collector)).toEqual([]);
    expect(about({ ...collector, [CAPTURE]: 'true' })).toEqual([
      'Spans hold what is asked and answered (telemetry.capture_content): see who may read them.',
    ]);
    expect(about({ [CAPTURE]: 'true' })).toEqual([
      'telemetry.capture_content is true and has no effect: there is no collector of spans.',
    ]);
  });

  it('win over a value of the file that has a problem', () => {
    expect(load({ ANTIPHON_GRPC_PORT: '7005' }, 'server: { grpc_port: x }').server.grpcPort).toBe(7005);
  });
});

describe('problems', () => {
  it.each([
    ['server: { grpcPort: 1 }', 'server.grpcPort', 'is not a known setting', 'Did you mean "grpc_port"?'],
    ['sever: {}', 'sever', 'is not a known setting', 'Did you mean "server"?'],
    ['mock: { speed: 1 }', 'mock.speed', 'is not a known setting', 'Did you mean "seed"?'],
    [
      'mock: { colour: 1 }',
      'mock.colour',
      'is not a known setting',
      'Remove it. Known here are: use, seed, latency_ms, tokens_per_second, error_rate.',
    ],
    ['timeouts: { idle_ms: 0 }', 'timeouts.idle_ms', 'is too small', 'Write a whole number from 1 to 86,400,000.'],
    ['timeouts: { idle_ms: ten }', 'timeouts.idle_ms', 'is not a number', 'Write a whole number from 1 to 86,400,000.'],
    [
      'timeouts: { idle_ms: 1.5 }',
      'timeouts.idle_ms',
      'is not a whole number',
      'Write a whole number from 1 to 86,400,000.',
    ],
    [
      'timeouts: { idle_ms: .nan }',
      'timeouts.idle_ms',
      'is not a number',
      'Write a whole number from 1 to 86,400,000.',
    ],
    ['mock: { error_rate: 2 }', 'mock.error_rate', 'is too large', 'Write a number from 0 to 1.'],
    [
      'telemetry: { service_name: 5 }',
      'telemetry.service_name',
      'is not text',
      'Write text; put a number, or true and false, into quotes.',
    ],
    ['server: { cors_origins: x }', 'server.cors_origins', 'is not a list', 'Write a list, such as [a, b].'],
    ['models: { allowed: [] }', 'models.allowed', 'is empty', 'Write something there, or remove it.'],
    [
      'models: { allowed: [null] }',
      'models.allowed[0]',
      'is not text',
      'Write text; put a number, or true and false, into quotes.',
    ],
    [`models: { allowed: [${'a,'.repeat(1001)}] }`, 'models.allowed', 'has too many entries', 'Write at most 1,000.'],
    [
      'telemetry: { log_level: loud }',
      'telemetry.log_level',
      'is not one of the possible values',
      'Write one of: debug, info, warn, error, silent.',
    ],
    [
      'limits: { max_event_bytes: 2048, max_response_bytes: 1024 }',
      'limits.max_event_bytes',
      'is more than max_response_bytes',
      'Lower it, or raise the other.',
    ],
  ])('%s', (file, path, problem, fix) => {
    expect(problemsOf({}, file)).toEqual([{ path, problem, fix }]);
  });

  it('are all reported at once, each under the name of where it came from', () => {
    const file = `
server:
  grpcPort: 1
  host: "a b"
  grcp_port: 2
providers:
  groq: { base_url: "ftp://x", api_key: sk-literal, headers: { Authorization: x, y: "\${NOPE}" } }
  Bad: {}
timeouts: { idle_ms: 0, total_ms: 1 }
limits: []
modles: {}
`;
    const env = { ANTIPHON_HTTP_PORT: 'x', LLM_MAX_RETRIES: 'x', LLM_REQUEST_TIMEOUT: 'x', USE_MOCK_LLM: 'x' };
    expect(
      problemsOf(env, file)
        .map(({ path }) => path)
        .toSorted(),
    ).toEqual([
      'ANTIPHON_HTTP_PORT',
      'LLM_MAX_RETRIES',
      'LLM_REQUEST_TIMEOUT',
      'USE_MOCK_LLM',
      'limits',
      'modles',
      'providers.Bad',
      'providers.groq.api_key',
      'providers.groq.base_url',
      'providers.groq.headers.Authorization',
      'providers.groq.headers.y',
      'server.grcp_port',
      'server.grpcPort',
      'server.host',
      'timeouts.idle_ms',
    ]);
  });

  it('of one mistake are not reported again for what follows from it', () => {
    const file = 'providers: { p: { base_url: "ftp://x" } }\nmodels: { default: p/x }\n';
    expect(said({ USE_MOCK_LLM: 'false' }, file)).toEqual(['providers.p.base_url is not an http or https address']);
    expect(said({ USE_MOCK_LLM: 'false' }, 'providers: { p: { base_url: "${NO}" } }')).toHaveLength(1);
  });

  it('make the message of the error, two lines each', () => {
    const problems = problemsOf({ ANTIPHON_HOST: 'a b', LLM_MAX_RETRIES: 'x' });
    const text = formatProblems(problems);
    expect(text).toBe(
      [
        'The configuration has 2 problems:',
        '  ANTIPHON_HOST is not an IP address or a host name',
        '    Write an address such as 127.0.0.1, ::1 or 0.0.0.0, without a port.',
        '  LLM_MAX_RETRIES is not a number',
        '    Write a whole number from 0 to 10.',
      ].join('\n'),
    );
    expect(new ConfigError(problems).message).toBe(text);
    expect(formatProblems(problems.slice(1))).toMatch(/^The configuration has one problem:\n/);
  });
});

describe('secrets', () => {
  it('are every key, and every variable that a header or a secret name refers to', () => {
    const file = `
providers:
  a: { base_url: "https://x.example/\${TENANT}/\${PATH_TOKEN}", api_key: "\${KEY_A}", headers: { x-trace: "v-\${HEADER}" } }
  b: { base_url: "https://x.example", api_keys: [{ key: "\${KEY_B}" }] }
`;
    const env = {
      ...KEY,
      KEY_A: 'aaaaaaaa',
      HEADER: 'hhhhhhhh',
      TENANT: 'tttttttt',
      PATH_TOKEN: 'pppppppp',
      GROQ_API_KEY: 'gggggggg',
      GROQ_API_KEY_3: 'ggggggg3',
      LLM_API_KEY: 'llllllll',
      KEY_B: 'bbbbbbbb',
      UNUSED_KEY: 'uuuuuuuu',
      ALLOWED_MODELS: '*',
    };
    expect(load(env, file).secrets.toSorted()).toEqual(
      [
        'aaaaaaaa',
        'bbbbbbbb',
        'gggggggg',
        'ggggggg3',
        'hhhhhhhh',
        'llllllll',
        'pppppppp',
        KEY.OPENAI_API_KEY,
      ].toSorted(),
    );
  });

  /** A word that no message of ours has, among what makes values fail. */
  const CANARY = 'cAnArY7351';
  const value = fc
    .tuple(
      fc.constantFrom('', ' ', '\n', '"', '${', '${X', 'https://u:', '@', '-', '\u0000'),
      fc.constantFrom('', ' x', '}', '\u0007', '/?q=', '"'),
    )
    .map(([before, after]) => `${before}${CANARY}${after}`);
  const quoted = value.map((text) => JSON.stringify(text));
  const paths = [
    'server.host',
    'server.grpc_port',
    'server.cors_origins',
    'server.reflection',
    'server',
    'providers.p.kind',
    'providers.p.base_url',
    'providers.p.api_key',
    'providers.p.api_keys',
    'providers.p.folder_id',
    'providers.p.app.title',
    'providers.p.models',
    'providers.p.headers',
    'providers.p.headers.x-token',
    'providers.p.headers.x',
    'providers.p.compat',
    'providers.p.compat.json_schema',
    'providers.p',
    'models.default',
    'models.allowed',
    'models.default_provider',
    'models.provider_order',
    'routing.routes.r.targets',
    'routing.tiers.fast',
    'routing.tiers.fast.targets',
    'routing.complexity.simple',
    'routing.rules',
    'retry.max_retries',
    'shedding.memory.low',
    'probes.by',
    'fallback.always',
    'fallback.answers.a',
    'enabled',
    'timeouts.idle_ms',
    'limits.max_event_bytes',
    'mock.use',
    'mock.error_rate',
    'telemetry.service_name',
    'telemetry.otlp_endpoint',
    'telemetry.log_level',
    'unknown',
  ];
  const nested = (path: string, text: string) => {
    const keys = path.split('.');
    return keys.reduceRight((inner, key) => `{ ${key}: ${inner} }`, text);
  };

  const failure = (env: Env, file?: string) => {
    try {
      load(env, file);
    } catch (error) {
      if (error instanceof ConfigError) return JSON.stringify(error.problems) + error.message;
      throw error;
    }
    return '';
  };

  it('are in no problem, wherever in the file they are', () => {
    let failures = 0;
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.oneof(quoted, value), fc.boolean(), (path, text, inList) => {
        const message = failure({}, nested(path, inList ? `[${text}]` : text));
        if (message !== '') failures++;
        expect(message).not.toContain(CANARY);
      }),
      { numRuns: 1000 },
    );
    expect(failures).toBeGreaterThan(500);
  });

  it('are in no problem, if one was put where the name of a variable belongs', () => {
    const file = 'providers: { p: { base_url: "https://x.example", api_key: "${abcdef0123456789}" } }';
    expect(failure({}, file)).toContain('needs a variable that is not set');
    expect(failure({}, file)).not.toContain('abcdef');
  });

  it('are in no problem, in whatever variable they are', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...variableNames.filter((name) => name !== 'ANTIPHON_CONFIG')),
        value,
        (name, text) => {
          expect(failure({ [name]: text, ANTIPHON_GRPC_PORT: 'x' })).not.toContain(CANARY);
          expect(failure({ VAR: text }, nested('server.host', '"${VAR}"'))).not.toContain(CANARY);
          expect(failure({ VAR: text }, nested('providers.p.base_url', '"${VAR}"'))).not.toContain(CANARY);
        },
      ),
      { numRuns: 500 },
    );
  });
});
