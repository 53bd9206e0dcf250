-- KEYS: hash, cell*k of the facts to touch
-- ARGV: database, id, lease in ms, channel, prefix of cells, k, (bucket, fact)*k, (bucket, fact) of covers

local e, n = state(ARGV[1])
if not e then return {'NOEPOCH'} end
n = redis.call('HINCRBY', KEYS[1], 'n', 1)
local id, t, k, facts = ARGV[2], now(), tonumber(ARGV[6]), {}
local deadline = struct.pack('>I8', t + ARGV[3])

for i = 7, #ARGV, 2 do
  local b, fact, cover = ARGV[i], ARGV[i + 1], i >= 7 + 2 * k
  local p = redis.call('HGET', KEYS[1], 'p' .. b) or ''
  local record = cover and '1' .. fact or '0' .. string.rep('\0', 8)
  local rest, expired, covers = others(p, id, t)
  -- A fact to touch and covers of one write may share the bucket.
  for j = 1, #p, 33 do
    local own = string.sub(p, j + 24, j + 32)
    if string.sub(p, j, j + 15) == id and own ~= record then rest = rest .. id .. deadline .. own end
  end
  rest = rest .. id .. deadline .. record
  -- Where nothing is ever filled nobody else clears what has run out.
  if expired then
    drop(ARGV[5], covers, facts)
    redis.call('HSET', KEYS[1], 'f' .. b, n)
  end
  redis.call('HSET', KEYS[1], 'p' .. b, rest)
  if not cover then facts[#facts + 1] = fact end
end

if k > 0 then redis.call('UNLINK', unpack(KEYS, 2, 1 + k)) end
publish(ARGV[4], e, n, facts)
return {'OK', e, n}
