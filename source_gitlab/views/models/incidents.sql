{{ reported_incidents() }}
