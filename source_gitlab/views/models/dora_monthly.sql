{{ dora(utc_month, 'month') }}
