-- KEYS: hash
-- ARGV: database, new epoch, quarantine in ms, channel, retired epoch...

local i = describe()
if not string.find(i, '\nrole:master', 1, true) then return {'REPLICA'} end
local run = string.match(i, '\nrun_id:(%x+)')
local replication = string.match(i, '\nmaster_replid:(%x+)')
if not run or #run ~= 40 or not string.find(run, '[^0]') or not replication or #replication ~= 40 then return {'NORUNID'} end

local e, n = state(ARGV[1], i)
for k = 5, #ARGV do
  if e == ARGV[k] then e = nil end
end
if e then return {'OK', e, n} end

redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'e', ARGV[2], 'r', run .. replication .. ARGV[1], 'n', 1, 'q', now() + ARGV[3])
publish(ARGV[4], ARGV[2], 1, {})
return {'OK', ARGV[2], 1}
