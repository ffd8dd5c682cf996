"""Leagues and teams as each venue names them: the vocabulary of the synthetic catalogue.

A team is (Kalshi code, Polymarket abbreviation, Kalshi name, Polymarket name). Kalshi shows cities with a letter where a city
has several teams, Polymarket nicknames or club names; codes differ where they differ in life (matching.md 4: WSH, ATH/oak,
AZ/ari, CFC/che, LFC/liv, LA/lak, CGY/cal, MTL/mon, VGK/las).
"""

from dataclasses import dataclass

__all__ = ["LEAGUES", "League", "Team"]


@dataclass(frozen=True, slots=True)
class Team:
    """code and city are Kalshi's, abbreviation and name Polymarket's."""

    code: str
    abbreviation: str
    city: str
    name: str


@dataclass(frozen=True, slots=True)
class League:
    """What the venues' catalogues say about one league.

    key is Polymarket's slug prefix, series Kalshi's game series; shard and multiplier are Kalshi's exchange_index and fee
    multiplier (kalshi.md 8 and 11), rate is Polymarket's fee rate (polymarket.md 9). hours is the usual length of a game.
    """

    key: str
    series: str
    sport: str
    competition: str
    milestone: str
    strike_key: str
    shard: int
    multiplier: float
    rate: float
    hours: float
    unit: str
    spread: float
    total: float
    source: tuple[str, str]
    teams: tuple[Team, ...]

    @property
    def draws(self) -> bool:
        return self.key == "epl"


def _teams(text: str) -> tuple[Team, ...]:
    return tuple(Team(*(part.strip() for part in line.split("|"))) for line in text.strip().splitlines())


_NBA = _teams("""
ATL|atl|Atlanta|Hawks
BKN|bkn|Brooklyn|Nets
BOS|bos|Boston|Celtics
CHA|cha|Charlotte|Hornets
CHI|chi|Chicago|Bulls
CLE|cle|Cleveland|Cavaliers
DAL|dal|Dallas|Mavericks
DEN|den|Denver|Nuggets
DET|det|Detroit|Pistons
GSW|gsw|Golden State|Warriors
HOU|hou|Houston|Rockets
IND|ind|Indiana|Pacers
LAC|lac|Los Angeles C|Clippers
LAL|lal|Los Angeles L|Lakers
MEM|mem|Memphis|Grizzlies
MIA|mia|Miami|Heat
MIL|mil|Milwaukee|Bucks
MIN|min|Minnesota|Timberwolves
NOP|nop|New Orleans|Pelicans
NYK|nyk|New York|Knicks
OKC|okc|Oklahoma City|Thunder
ORL|orl|Orlando|Magic
PHI|phi|Philadelphia|76ers
PHX|phx|Phoenix|Suns
POR|por|Portland|Trail Blazers
SAC|sac|Sacramento|Kings
SAS|sas|San Antonio|Spurs
TOR|tor|Toronto|Raptors
UTA|uta|Utah|Jazz
WAS|was|Washington|Wizards
""")

_NFL = _teams("""
ARI|ari|Arizona|Cardinals
ATL|atl|Atlanta|Falcons
BAL|bal|Baltimore|Ravens
BUF|buf|Buffalo|Bills
CAR|car|Carolina|Panthers
CHI|chi|Chicago|Bears
CIN|cin|Cincinnati|Bengals
CLE|cle|Cleveland|Browns
DAL|dal|Dallas|Cowboys
DEN|den|Denver|Broncos
DET|det|Detroit|Lions
GB|gb|Green Bay|Packers
HOU|hou|Houston|Texans
IND|ind|Indianapolis|Colts
JAC|jax|Jacksonville|Jaguars
KC|kc|Kansas City|Chiefs
LAC|lac|Los Angeles C|Chargers
LAR|la|Los Angeles R|Rams
LV|lv|Las Vegas|Raiders
MIA|mia|Miami|Dolphins
MIN|min|Minnesota|Vikings
NE|ne|New England|Patriots
NO|no|New Orleans|Saints
NYG|nyg|New York G|Giants
NYJ|nyj|New York J|Jets
PHI|phi|Philadelphia|Eagles
PIT|pit|Pittsburgh|Steelers
SEA|sea|Seattle|Seahawks
SF|sf|San Francisco|49ers
TB|tb|Tampa Bay|Buccaneers
TEN|ten|Tennessee|Titans
WAS|was|Washington|Commanders
""")

_MLB = _teams("""
ATH|oak|A's|Athletics
ATL|atl|Atlanta|Braves
AZ|ari|Arizona|Diamondbacks
BAL|bal|Baltimore|Orioles
BOS|bos|Boston|Red Sox
CHC|chc|Chicago C|Cubs
CIN|cin|Cincinnati|Reds
CLE|cle|Cleveland|Guardians
COL|col|Colorado|Rockies
CWS|cws|Chicago WS|White Sox
DET|det|Detroit|Tigers
HOU|hou|Houston|Astros
KC|kc|Kansas City|Royals
LAA|laa|Los Angeles A|Angels
LAD|lad|Los Angeles D|Dodgers
MIA|mia|Miami|Marlins
MIL|mil|Milwaukee|Brewers
MIN|min|Minnesota|Twins
NYM|nym|New York M|Mets
NYY|nyy|New York Y|Yankees
PHI|phi|Philadelphia|Phillies
PIT|pit|Pittsburgh|Pirates
SD|sd|San Diego|Padres
SEA|sea|Seattle|Mariners
SF|sf|San Francisco|Giants
STL|stl|St. Louis|Cardinals
TB|tb|Tampa Bay|Rays
TEX|tex|Texas|Rangers
TOR|tor|Toronto|Blue Jays
WSH|wsh|Washington|Nationals
""")

_NHL = _teams("""
ANA|ana|Anaheim|Ducks
BOS|bos|Boston|Bruins
BUF|buf|Buffalo|Sabres
CAR|car|Carolina|Hurricanes
CBJ|cbj|Columbus|Blue Jackets
CGY|cal|Calgary|Flames
CHI|chi|Chicago|Blackhawks
COL|col|Colorado|Avalanche
DAL|dal|Dallas|Stars
DET|det|Detroit|Red Wings
EDM|edm|Edmonton|Oilers
FLA|fla|Florida|Panthers
LA|lak|Los Angeles|Kings
MIN|min|Minnesota|Wild
MTL|mon|Montreal|Canadiens
NJ|nj|New Jersey|Devils
NSH|nsh|Nashville|Predators
NYI|nyi|New York I|Islanders
NYR|nyr|New York R|Rangers
OTT|ott|Ottawa|Senators
PHI|phi|Philadelphia|Flyers
PIT|pit|Pittsburgh|Penguins
SEA|sea|Seattle|Kraken
SJ|sj|San Jose|Sharks
STL|stl|St. Louis|Blues
TB|tb|Tampa Bay|Lightning
TOR|tor|Toronto|Maple Leafs
UTA|uta|Utah|Mammoth
VAN|van|Vancouver|Canucks
VGK|las|Vegas|Golden Knights
WPG|wpg|Winnipeg|Jets
WSH|wsh|Washington|Capitals
""")

_EPL = _teams("""
ARS|ars|Arsenal|Arsenal FC
AVL|avl|Aston Villa|Aston Villa FC
BOU|bou|Bournemouth|AFC Bournemouth
BRE|bre|Brentford|Brentford FC
BRI|bri|Brighton|Brighton & Hove Albion FC
BUR|bur|Burnley|Burnley FC
CFC|che|Chelsea|Chelsea FC
CRY|cry|Crystal Palace|Crystal Palace FC
EVE|eve|Everton|Everton FC
FUL|ful|Fulham|Fulham FC
LEE|lee|Leeds United|Leeds United FC
LFC|liv|Liverpool|Liverpool FC
MCI|mci|Manchester City|Manchester City FC
MUN|mun|Manchester United|Manchester United FC
NEW|new|Newcastle|Newcastle United FC
NFO|nfo|Nottingham|Nottingham Forest FC
SUN|sun|Sunderland|Sunderland AFC
TOT|tot|Tottenham|Tottenham Hotspur FC
WHU|whu|West Ham|West Ham United FC
WOL|wol|Wolverhampton|Wolverhampton Wanderers FC
""")

LEAGUES: dict[str, League] = {
    league.key: league
    for league in (
        League(
            key="nba",
            series="KXNBAGAME",
            sport="Basketball",
            competition="Pro Basketball (M)",
            milestone="basketball_game",
            strike_key="basketball_team",
            shard=3,
            multiplier=1,
            rate=0.05,
            hours=2.5,
            unit="points",
            spread=4.5,
            total=221.5,
            source=("the Governing League", "https://www.nba.com/"),
            teams=_NBA,
        ),
        League(
            key="nfl",
            series="KXNFLGAME",
            sport="Football",
            competition="Pro Football",
            milestone="football_game",
            strike_key="football_team",
            shard=0,
            multiplier=1,
            rate=0.05,
            hours=3,
            unit="points",
            spread=3.5,
            total=44.5,
            source=("the Governing League", "https://www.nfl.com/"),
            teams=_NFL,
        ),
        League(
            key="mlb",
            series="KXMLBGAME",
            sport="Baseball",
            competition="Pro Baseball",
            milestone="baseball_game",
            strike_key="baseball_team",
            shard=3,
            multiplier=0.5,
            rate=0.03,
            hours=3,
            unit="runs",
            spread=1.5,
            total=8.5,
            source=("the Governing League", "https://www.mlb.com/"),
            teams=_MLB,
        ),
        League(
            key="nhl",
            series="KXNHLGAME",
            sport="Hockey",
            competition="Pro Hockey",
            milestone="hockey_match",
            strike_key="hockey_team",
            shard=0,
            multiplier=1,
            rate=0.05,
            hours=2.75,
            unit="goals",
            spread=1.5,
            total=6.5,
            source=("the Governing League", "https://www.nhl.com/"),
            teams=_NHL,
        ),
        League(
            key="epl",
            series="KXEPLGAME",
            sport="Soccer",
            competition="EPL",
            milestone="soccer_match",
            strike_key="soccer_team",
            shard=0,
            multiplier=1,
            rate=0.05,
            hours=2,
            unit="goals",
            spread=1.5,
            total=2.5,
            source=("Premier League", "https://www.premierleague.com/"),
            teams=_EPL,
        ),
    )
}
