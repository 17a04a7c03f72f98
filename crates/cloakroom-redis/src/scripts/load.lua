if is_absent(KEYS[1]) then return {} end
return redis.call('HGETALL', KEYS[1])
