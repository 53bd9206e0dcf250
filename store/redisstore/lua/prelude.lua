-- Every script begins with this. All keys are in one slot; those of entries'
-- facts are found in entries, so not all are declared.
--
-- The hash KEYS[1] holds what says which entries are valid, all of it or
-- nothing, whatever evicts it:
--   e      the epoch
--   r      the history: run id and replication id of the server, the database
--   n      the position
--   q      the end of the quarantine, while there is one
--   hb     the probes
--   f<b>   the last position that touched a fact of bucket b
--   p<b>   the announcements in bucket b, as records of 33 bytes:
--          id (16), deadline (8), 1 for a cover and 0, the cover's fact (8)

local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function describe() return redis.call('INFO', 'server', 'replication') end

-- state returns the epoch, the position and the end of the quarantine, or
-- nothing where there is no epoch.
--
-- A server may come back with a state that isn't the last one: from a snapshot
-- (another run id), or by promotion of a replica that lagged, also back to the
-- server that wrote it (another replication id). Then entries come back together
-- with what proves them valid, and writes in between are lost. So the state
-- counts only in the history it was written in, and that is looked up here, in
-- the same atomic step that uses the state. A handshake on each connection would
-- be cheaper and miss what a proxy hides. The description is given by scripts
-- that need it themselves.
local function state(database, description)
  local h = redis.call('HMGET', KEYS[1], 'e', 'n', 'q', 'r')
  local r = h[4]
  if not (h[1] and h[2] and r) or string.sub(r, 81) ~= database then return end
  local i = description or describe()
  if not string.find(i, '\nrun_id:' .. string.sub(r, 1, 40), 1, true) then return end
  if not string.find(i, '\nmaster_replid:' .. string.sub(r, 41, 80), 1, true) then return end
  return h[1], tonumber(h[2]), h[3] and tonumber(h[3])
end

local function publish(channel, epoch, position, facts)
  redis.call('PUBLISH', channel, epoch .. struct.pack('>I8', position) .. table.concat(facts))
end

-- others returns the announcements of a bucket without that of id and without
-- those that have run out at t; whether there were any of the latter; and the
-- facts of the covers among them.
local function others(p, id, t)
  local rest, expired, covers = {}, false, {}
  for i = 1, #p, 33 do
    if string.sub(p, i, i + 15) ~= id then
      if struct.unpack('>I8', p, i + 16) > t then
        rest[#rest + 1] = string.sub(p, i, i + 32)
      else
        expired = true
        if string.sub(p, i + 24, i + 24) == '1' then covers[#covers + 1] = string.sub(p, i + 25, i + 32) end
      end
    end
  end
  return table.concat(rest), expired, covers
end

-- drop drops the cells of covers that have run out and adds their facts to those
-- to publish. While a cluster moves the slot, a cell that the script doesn't
-- declare may be at the other node, and this ends the script: what forgets the
-- announcements comes after it.
local function drop(cells, covers, facts)
  for _, f in ipairs(covers) do
    facts[#facts + 1] = f
    redis.call('UNLINK', cells .. f)
  end
end
