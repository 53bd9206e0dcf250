-- KEYS: hash, entry, lease
-- ARGV: database, lease id, lease in ms, prefix of cells
--
-- An entry is "EQ" 2 0, the number of facts (2 bytes), the epoch, the position at
-- which it was stored (8) and that once more, for each fact its name (8) and the
-- content of its cell (16), and the payload.

local e, n, q = state(ARGV[1])
if not e then return {'NOEPOCH'} end
local void = false
if q then
  void = now() < q
  if not void then redis.call('HDEL', KEYS[1], 'q') end
end

local blob = redis.call('GET', KEYS[2])
if blob then
  local ok = #blob >= 38 and string.sub(blob, 1, 4) == 'EQ\2\0' and string.sub(blob, 7, 22) == e
    and string.sub(blob, 23, 30) == string.sub(blob, 31, 38)
  local k = ok and struct.unpack('>H', blob, 5) or 0
  if k > 0 and k <= 256 and #blob >= 38 + k * 24 then
    local cells = {}
    for i = 0, k - 1 do cells[i + 1] = ARGV[4] .. string.sub(blob, 39 + i * 24, 46 + i * 24) end
    local held = redis.call('MGET', unpack(cells))
    -- A cell that isn't there is false, and equal to no content.
    for i = 0, k - 1 do ok = ok and held[i + 1] == string.sub(blob, 47 + i * 24, 62 + i * 24) end
    local ttl = ok and redis.call('PTTL', KEYS[2]) or 0
    if ttl > 0 then return {'HIT', e, n, ttl, blob} end
  end
  redis.call('UNLINK', KEYS[2])
end

if void then return {'VOID', e, n} end
if tonumber(ARGV[3]) == 0 then return {'MISS', e, n} end
if redis.call('SET', KEYS[3], ARGV[2], 'NX', 'PX', ARGV[3]) then return {'LEASE', e, n} end
-- The client repeats a call whose answer was lost.
if redis.call('GET', KEYS[3]) == ARGV[2] then return {'LEASE', e, n} end
return {'LEASED', e, n}
