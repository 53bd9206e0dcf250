-- KEYS: hash, entry, lease, cell*k
-- ARGV: database, epoch and position of the miss, 1 if it was void, lease id,
--   TTL in ms, TTL of cells in ms, channel, k, (bucket, fact, new cell)*k, payload

local function answer(outcome, epoch, n)
  if redis.call('GET', KEYS[3]) == ARGV[5] then redis.call('UNLINK', KEYS[3]) end
  return {outcome, epoch, n}
end

local e, n, q = state(ARGV[1])
if not e then return answer('EPOCH', '', 0) end
if e ~= ARGV[2] then return answer('EPOCH', e, n) end
local t = now()
-- A miss in the quarantine stays void after it: its result may have been read
-- while a write was still to come whose announcement is lost.
if ARGV[4] == '1' or (q and t < q) then return answer('QUARANTINE', e, n) end

local missed, k = tonumber(ARGV[3]), tonumber(ARGV[9])
local fields = {}
for i = 0, k - 1 do
  local b = ARGV[10 + i * 3]
  fields[#fields + 1] = 'f' .. b
  fields[#fields + 1] = 'p' .. b
end
local buckets = redis.call('HMGET', KEYS[1], unpack(fields))

-- An announcement that ran out: its writer died, or can't reach us, and has
-- committed or never will. Raising the bucket's position refuses this fill, whose
-- database read may have come before that commit, and all with older misses.
local expired, raced = false, false
for i = 0, k - 1 do
  local touched, p = buckets[2 * i + 1], buckets[2 * i + 2]
  if p then
    local rest, _, covers = others(p, '', t)
    if rest ~= '' then return answer('PENDING', e, n) end
    local facts = {ARGV[11 + i * 3]}
    drop(string.sub(KEYS[4 + i], 1, -9), covers, facts)
    redis.call('UNLINK', KEYS[4 + i])
    n = redis.call('HINCRBY', KEYS[1], 'n', 1)
    redis.call('HSET', KEYS[1], fields[2 * i + 1], n)
    redis.call('HDEL', KEYS[1], fields[2 * i + 2])
    publish(ARGV[8], e, n, facts)
    expired = true
  end
  if touched and tonumber(touched) > missed then raced = true end
end
if expired then return answer('EXPIRED', e, n) end
if raced then return answer('RACE', e, n) end

local held = redis.call('MGET', unpack(KEYS, 4, 3 + k))
-- By its position a process can tell from its own view of the log whether the
-- entry is valid still. It is there twice: nothing else shows that it is damaged.
local position = struct.pack('>I8', n)
local entry = {'EQ\2\0', struct.pack('>H', k), e, position, position}
for i = 0, k - 1 do
  local cell = held[i + 1]
  if cell then
    redis.call('PEXPIRE', KEYS[4 + i], ARGV[7], 'GT')
  else
    cell = ARGV[12 + i * 3]
    redis.call('SET', KEYS[4 + i], cell, 'PX', ARGV[7])
  end
  entry[#entry + 1] = ARGV[11 + i * 3]
  entry[#entry + 1] = cell
end
entry[#entry + 1] = ARGV[10 + k * 3]
redis.call('SET', KEYS[2], table.concat(entry), 'PX', ARGV[6])
return answer('OK', e, n)
