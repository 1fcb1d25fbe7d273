-- The area of a token: the groups whose cameras its holder may see and change (JSON). NULL stands for all cameras.
-- The column `hash` of a token with an area begins with `area:`. So a version of this program that knows no areas of
-- tokens refuses the token, instead of showing it all cameras.
ALTER TABLE tokens ADD COLUMN area TEXT;
