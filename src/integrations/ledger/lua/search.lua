-- Who is listed under words that hold all the terms. Looks at so many at most, so that nobody waits for whoever looks for "a".
-- K names   A terms after most budget
-- Answers: contacts found, where to go on ('' at the end), how many were looked at
local found, last, looked = {}, A.after, 0
while looked < A.budget do
  local from = last == '' and '-' or '(' .. last
  local portion = redis.call('ZRANGE', K.names, from, '+', 'BYLEX', 'LIMIT', 0, 250)
  for _, member in ipairs(portion) do
    last, looked = member, looked + 1
    local ends = string.find(member, '\n', 1, true)
    local words, has = string.sub(member, 1, ends - 1), true
    for _, term in ipairs(A.terms) do has = has and string.find(words, term, 1, true) end
    if has then
      found[#found + 1] = string.sub(member, ends + 1)
      if #found == A.most then return { found, last, looked } end
    end
  end
  if #portion < 250 then return { found, '', looked } end
end
return { found, last, looked }
