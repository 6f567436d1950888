import { describe, expect, it } from 'vitest';
import { type CompleteResponse, Role, WarningCode } from '#gen/antiphon/v1/completion_pb.js';
import { assistant, text, toolResult, user } from '../../support/requests.ts';
import { inTurn, refuses } from './answers.ts';
import { SEAL, type Speaker, speakers, TOOL, twinOf } from './signed.ts';
import { type Asked, from, setStage, tries, whole } from './stage.ts';

const file = { models: { allowed: ['*'] } };
const env = { ANTHROPIC_API_KEY: 'sk-a', GOOGLE_API_KEY: 'sk-g', OPENAI_API_KEY: 'sk-o', TWIN_KEY: 'sk-twin' };

/** As it is written, and packed once more. */
const seals = [SEAL, Buffer.from(SEAL).toString('base64')];

const nameOf = ({ name, model }: Speaker): string => `${name}/${model}`;

/** The first one signs, and then fails; the second one takes its place. */
const stageOf = (one: Speaker, other: Speaker) =>
  setStage(
    {
      [one.name]: inTurn(
        (line) => line.json(200, one.signed),
        refuses(503),
        (line) => line.json(200, one.plain),
      ),
      [other.name]: (line) => line.json(200, other.plain),
    },
    { providers: { [one.name]: one.settings, [other.name]: other.settings }, env, file },
  );

const tools = [TOOL];

const continued = ({ content }: CompleteResponse, toolCallId: string): Asked => ({
  messages: [
    user(text('Weather?')),
    assistant(...content),
    { role: Role.TOOL, content: [toolResult(toolCallId, text('Sun'))] },
  ],
  tools,
});

const pairs = speakers
  .filter(({ signed }) => signed)
  .flatMap((one) => [...speakers.filter((other) => other !== one), twinOf(one)].map((other) => [one, other] as const));

describe.each(pairs.map(([one, other]) => [one.name, other.name, one, other] as const))(
  'what %s has signed, when %s takes over',
  (_, __, one, other) => {
    it('is not sent there, and the tool calls keep their ids', async () => {
      const stage = await stageOf(one, other);
      const first = whole(await stage.ask({ model: nameOf(one), messages: [user(text('Weather?'))], tools }));
      const call = first.content.find(({ part }) => part.case === 'toolCall')?.part;
      const id = call?.case === 'toolCall' ? call.value.id : '';
      expect(first.content.some(({ providerState }) => providerState?.provider === one.name)).toBe(true);
      const asked = continued(first, id);

      const reply = await stage.ask({ ...asked, model: nameOf(one), fallbackModels: [nameOf(other)] });
      expect(from(reply)).toBe(nameOf(other));
      expect(tries(reply)).toHaveLength(2);
      const [, own = ''] = stage.upstreams[one.name]?.received.map(({ body }) => body) ?? [];
      const [foreign = ''] = stage.upstreams[other.name]?.received.map(({ body }) => body) ?? [];
      expect(own).toContain(SEAL);
      for (const seal of seals) expect(foreign).not.toContain(seal);
      for (const body of [own, foreign]) expect(body.split(`"${id}"`)).toHaveLength(3);
      const dropped = whole(reply).warnings.filter(({ code }) => code === WarningCode.DROPPED);
      expect(dropped.map(({ field }) => field)).toContainEqual(expect.stringMatching(/^messages\[1\]\.content\[\d\]/));

      // What was dropped for one is not said of the other.
      const back = await stage.ask({ ...asked, model: nameOf(one) });
      expect(from(back)).toBe(nameOf(one));
      const fields = whole(back).warnings.map(({ field }) => field);
      expect(fields.filter((field) => field.endsWith('provider_state'))).toEqual([]);
      expect(stage.upstreams[one.name]?.received.at(-1)?.body).toBe(own);
    });
  },
);
