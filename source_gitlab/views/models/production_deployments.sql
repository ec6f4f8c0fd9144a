{{ deployments_to_production() }}
