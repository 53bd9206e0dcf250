-- KEYS: hash
-- ARGV: database
--
-- A write on purpose: a primary that lost its replicas must refuse it.

local i = describe()
if not string.find(i, '\nrole:master', 1, true) then return {'REPLICA'} end
local e, n = state(ARGV[1], i)
if not e then return {'NOEPOCH'} end
redis.call('HINCRBY', KEYS[1], 'hb', 1)
return {'OK', e, n}
