import { createHash } from 'node:crypto';
import { REMEMBERED_MS } from '../store.ts';

/** A program that Redis runs as one step. */
export interface Script {
  readonly lua: string;
  /** By which Redis knows it once it has run. */
  readonly sha: string;
}

const script = (lua: string): Script => ({ lua, sha: createHash('sha1').update(lua).digest('hex') });

/** Numbers are written in full: the short form of a large one is rounded, and so is one that is read from a reply. */
const WRITING = `
local function text(n) return string.format('%.0f', n) end
local function keep(key, ms) if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, text(ms)) end end
`;

/**
 * What all scripts of a ledger begin with. KEYS: a hash of the accounts ("spent held expires"), the accounts by expiry; a
 * hash of the ids ("open" with what is held; "expired", "done"), the ids by the time at which something is due.
 *
 * What is due is done first, in bounded steps: what was held is given back, ids and accounts are forgotten.
 */
const LEDGER = `
local A, X, R, T = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local REMEMBERED = ${REMEMBERED_MS}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
${WRITING}
local accounts, changed = {}, {}
local function account(name)
  local known = accounts[name]
  if known then return known end
  known = { spent = 0, held = 0, expires = 0 }
  local line = redis.call('HGET', A, name)
  if line then
    local spent, held, expires = string.match(line, '^(%d+) (%d+) (%d+)$')
    if tonumber(expires) > now then
      known = { spent = tonumber(spent), held = tonumber(held), expires = tonumber(expires) }
    end
  end
  accounts[name] = known
  return known
end
local function used(name, ttl)
  local known = account(name)
  if known.expires == 0 then known.expires = now + ttl end
  changed[name] = true
  return known
end
local function remember(id, state, untilMs)
  redis.call('HSET', R, id, state)
  redis.call('ZADD', T, text(untilMs), id)
  local ms = untilMs - now + REMEMBERED
  keep(R, ms)
  keep(T, ms)
end
local function giveBack(state)
  if string.sub(state, 1, 5) ~= 'open ' then return end
  for _, held in ipairs(cjson.decode(string.sub(state, 6))) do
    local known = account(held[1])
    if text(known.expires) == held[3] then
      known.held = known.held - tonumber(held[2])
      changed[held[1]] = true
    end
  end
end
local function finish()
  for name in pairs(changed) do
    local known = accounts[name]
    redis.call('HSET', A, name, text(known.spent) .. ' ' .. text(known.held) .. ' ' .. text(known.expires))
    redis.call('ZADD', X, text(known.expires), name)
    keep(A, known.expires - now)
    keep(X, known.expires - now)
  end
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', X, '-inf', text(now), 'LIMIT', 0, 50)) do
  redis.call('HDEL', A, name)
  redis.call('ZREM', X, name)
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', T, '-inf', text(now), 'LIMIT', 0, 100)) do
  local state = redis.call('HGET', R, id)
  if state and string.sub(state, 1, 5) == 'open ' then
    giveBack(state)
    remember(id, 'expired', now + REMEMBERED)
  else
    redis.call('HDEL', R, id)
    redis.call('ZREM', T, id)
  end
end
local function ended(id)
  local state = redis.call('HGET', R, id)
  if state == 'done' then return true end
  if state then giveBack(state) end
  remember(id, 'done', now + REMEMBERED)
  return false
end
`;

/** ARGV: id, ttl; then of each hold: account, amount, limit, ttl, carried account, share. Gives refused (-1: granted) and balances. */
export const RESERVE = script(`${LEDGER}
local id, ttl = ARGV[1], tonumber(ARGV[2])
local refused = -1
if not redis.call('HGET', R, id) then
  local added, held = {}, {}
  local function drawn(name)
    local known = account(name)
    return known.spent + known.held + (added[name] or 0)
  end
  for i = 3, #ARGV, 6 do
    local name, amount, before = ARGV[i], tonumber(ARGV[i + 1]), 0
    if ARGV[i + 5] ~= '0' then before = drawn(ARGV[i + 4]) * tonumber(ARGV[i + 5]) end
    if drawn(name) + amount + before > tonumber(ARGV[i + 2]) then
      refused = (i - 3) / 6
      break
    end
    added[name] = (added[name] or 0) + amount
  end
  if refused < 0 then
    for i = 3, #ARGV, 6 do
      local known = used(ARGV[i], tonumber(ARGV[i + 3]))
      known.held = known.held + tonumber(ARGV[i + 1])
      held[#held + 1] = { ARGV[i], ARGV[i + 1], text(known.expires) }
    end
    remember(id, 'open ' .. cjson.encode(held), now + ttl)
  end
end
finish()
local reply = { text(refused) }
for i = 3, #ARGV, 6 do
  local known = account(ARGV[i])
  reply[#reply + 1] = text(known.spent)
  reply[#reply + 1] = text(known.held)
end
return reply`);

/** ARGV: id; then of each amount: account, amount, ttl. */
export const SETTLE = script(`${LEDGER}
if not ended(ARGV[1]) then
  for i = 2, #ARGV, 3 do
    local known = used(ARGV[i], tonumber(ARGV[i + 2]))
    known.spent = known.spent + tonumber(ARGV[i + 1])
  end
end
finish()
return 1`);

/** ARGV: id. */
export const REFUND = script(`${LEDGER}
ended(ARGV[1])
finish()
return 1`);

/** ARGV: accounts. Gives spent and held of each. */
export const BALANCES = script(`${LEDGER}
finish()
local reply = {}
for _, name in ipairs(ARGV) do
  reply[#reply + 1] = text(account(name).spent)
  reply[#reply + 1] = text(account(name).held)
end
return reply`);

/** KEYS: the value. ARGV: what is expected ("=" before it; "": nothing), what comes next (likewise), ttl. */
export const COMPARE_AND_SET = script(`
local found = redis.call('GET', KEYS[1])
if found then found = '=' .. found else found = '' end
if found ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1])
else redis.call('SET', KEYS[1], string.sub(ARGV[2], 2), 'PX', ARGV[3]) end
return 1`);

/** KEYS: the counter. ARGV: what to add, ttl. */
export const ADD = script(`${WRITING}
local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return text(sum)`);

/** KEYS: the table, and the id in it. ARGV: ttl; then of each counter: name, count. */
export const TALLY = script(`
if not redis.call('SET', KEYS[2], '', 'NX', 'PX', '${REMEMBERED_MS}') then return 0 end
for i = 2, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1`);
