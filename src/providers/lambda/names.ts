export const PROVIDER_ID = 'lambda';
/** The limit of the account on instances: Lambda has no name for it, and tells neither limit nor usage. */
export const QUOTA_NAME = 'instances';
