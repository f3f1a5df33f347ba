-- Every stored value as one row, for people with psql: what is in closed hours and what is still hot. Programs use the API.
create view samples as
select d.id as device_id, d.organisation_id, s.metric, s.unit, x.measured_at, x.received_at, x.value, x.quality, x.seq
from chunks c
cross join lateral chunk_samples(c) x
join series s on s.key = c.series_key
join devices d on d.key = c.device_key
union all
select d.id, d.organisation_id, s.metric, s.unit, h.measured_at, h.received_at, u.value, h.quality, h.seq
from hot_samples h
join hot_segments g on g.id = h.segment_id and g.compacted_at is null and h.device_key >= g.compacted_below
cross join lateral unnest(h.series_keys, h.sample_values) as u (series_key, value)
join series s on s.key = u.series_key
join devices d on d.key = h.device_key;
