-- Three users to try the shop with. The sign-in page shows their passwords.

INSERT INTO users (id, name, full_name, password_hash) VALUES
    (1, 'alice', 'Alice Archer', '$argon2id$v=19$m=19456,t=2,p=1$tcT85kxcYPGAtnLEGjkphQ$WEzcUfFwyWvmKi2OdfniInqHh/Y6fEpzQIUUEmN1yQQ'),
    (2, 'bob', 'Bob Baker', '$argon2id$v=19$m=19456,t=2,p=1$2oCku6iVniPx265GtNchXA$xS1IKfThMrZojttE4CeWKwJN61S7Eq908Ec2HTxW+dc'),
    (3, 'carol', 'Carol Cooper', '$argon2id$v=19$m=19456,t=2,p=1$p7tSNKVNz0o1J5BfODKnKg$bMe7a2+4vwszqjhDGdQbIq9QbLnBWw72FDjDmIL7zXY');

INSERT INTO user_roles (user_id, role) VALUES (2, 'staff'), (3, 'staff'), (3, 'admin');

INSERT INTO preferences (user_id, theme, language) VALUES (1, 'system', 'en'), (3, 'dark', 'de');

INSERT INTO views (user_id, product_id, seen_at) VALUES
    (1, 'umbrella', 1700000000000), (1, 'wool-scarf', 1700000060000), (1, 'doormat', 1700000120000);
