{{ dora(utc_day, 'day') }}
