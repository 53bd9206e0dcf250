-- KEYS: hash, cell*k of the facts touched
-- ARGV: database, id, channel, prefix of cells, k, (bucket, fact)*k, (bucket, fact) of those only held

local e, n = state(ARGV[1])
if not e then return {'NOEPOCH'} end
local id, t, k, facts = ARGV[2], now(), tonumber(ARGV[5]), {}
if k > 0 then n = redis.call('HINCRBY', KEYS[1], 'n', 1) end

for i = 6, #ARGV, 2 do
  local b, touched = ARGV[i], i < 6 + 2 * k
  local p = redis.call('HGET', KEYS[1], 'p' .. b)
  if p then
    -- Where the bucket's position is raised, what has run out may go too. Else
    -- it must stay: it refuses fills that came before.
    local rest, _, covers = others(p, id, touched and t or -1)
    drop(ARGV[4], covers, facts)
    if rest == '' then redis.call('HDEL', KEYS[1], 'p' .. b) else redis.call('HSET', KEYS[1], 'p' .. b, rest) end
  end
  if touched then
    redis.call('HSET', KEYS[1], 'f' .. b, n)
    facts[#facts + 1] = ARGV[i + 1]
  end
end

if k > 0 then
  -- Begin has done this. But what was announced late or never dies here.
  redis.call('UNLINK', unpack(KEYS, 2, 1 + k))
  publish(ARGV[3], e, n, facts)
end
return {'OK', e, n}
