-- name: append_issues
-- grain: one version of one group of similar errors, mirrored from the control database
INSERT INTO issue_events (
    issue_id, revision, kind, title, tldr, first_seen, last_seen, count, agents, cost_usd, state,
    priority, provider, model_family, tool, error_type, http_status, template, resolved_by,
    last_call_id
) VALUES (
    $issue_id, $revision, $kind, $title, $tldr, $first_seen, $last_seen, $count, $agents, $cost_usd,
    $state, $priority, $provider, $model_family, $tool, $error_type, $http_status, $template,
    $resolved_by, $last_call_id
);
